//! Monochrome pixels as 8-bit grey. The hospital's. No value is left outside 0 to 255.

use dicom_pixeldata::{
    ConvertOptions, DecodedPixelData, ModalityLutOption, PhotometricInterpretation, VoiLutOption,
};

use super::RenderError;

/// A window of values (PS3.3, C.11.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its middle.
    pub center: f64,
    /// How wide.
    pub width: f64,
}

impl Window {
    /// Reads `center,width[,function]`; the function must be a linear one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let number = |at: usize| parts.get(at)?.parse::<f64>().ok().filter(|n| n.is_finite());
        let is_linear = parts.get(2).is_none_or(|name| name.eq_ignore_ascii_case("linear"));
        let window = Self { center: number(0)?, width: number(1)? };
        (is_linear && parts.len() <= 3 && window.width >= 1.0).then_some(window)
    }

    fn bounds(self) -> (f64, f64) {
        let half = (self.width.max(1.0) - 1.0) / 2.0;
        (self.center - 0.5 - half, self.center - 0.5 + half)
    }
}

/// Grey values after the modality's rescaling: through the window asked for, or the file's,
/// or as they are where they have 8 bits, or from least to greatest. `MONOCHROME1` is turned.
pub(super) fn levels(
    pixels: &DecodedPixelData<'_>,
    window: Option<Window>,
) -> Result<Vec<u8>, RenderError> {
    let dark_is_high = match pixels.photometric_interpretation() {
        PhotometricInterpretation::Monochrome1 => true,
        PhotometricInterpretation::Monochrome2 => false,
        _ => return Err(RenderError::Unsupported),
    };
    let options = ConvertOptions::new()
        .with_modality_lut(ModalityLutOption::Default)
        .with_voi_lut(VoiLutOption::Identity);
    let values: Vec<f64> =
        pixels.to_vec_frame_with_options(0, &options).map_err(|_| RenderError::Undecodable)?;
    let (low, high) = range(pixels, window, &values);
    let grey = values.iter().map(|&value| {
        let level = level(value, low, high);
        if dark_is_high { 255 - level } else { level }
    });
    Ok(grey.collect())
}

fn range(pixels: &DecodedPixelData<'_>, window: Option<Window>, values: &[f64]) -> (f64, f64) {
    if let Some(window) = window {
        return window.bounds();
    }
    if let Ok(Some([own, ..])) = pixels.window() {
        return Window { center: own.center, width: own.width }.bounds();
    }
    if pixels.bits_stored() <= 8 && values.iter().all(|value| (0.0..=255.0).contains(value)) {
        return (0.0, 255.0);
    }
    values
        .iter()
        .filter(|value| value.is_finite())
        .fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(value), high.max(value)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=255 before"
)]
fn level(value: f64, low: f64, high: f64) -> u8 {
    if !value.is_finite() || high <= low {
        return if value > high { 255 } else { 0 };
    }
    ((value - low) / (high - low) * 255.0).clamp(0.0, 255.0).round() as u8
}
