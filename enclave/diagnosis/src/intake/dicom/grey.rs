//! Monochrome DICOM pixels as 8-bit grey, the same in all three channels.
//! It belongs to the intake of the diagnosis enclave.
//! No value is left outside 0 to 255, and none is scaled by more than its own image says.

use dicom_pixeldata::{
    ConvertOptions, DecodedPixelData, ModalityLutOption, PhotometricInterpretation, VoiLutOption,
    WindowLevel,
};

use crate::intake::ImageRefusal;

/// Grey values after the modality's rescaling: through the file's window where it has
/// one (PS3.3, C.11.2.1.2), as they are where they have 8 bits, from least to greatest
/// otherwise. `MONOCHROME1` is turned, so that more is brighter.
pub(super) fn replicated(pixels: &DecodedPixelData<'_>) -> Result<Vec<u8>, ImageRefusal> {
    let dark_is_high = match pixels.photometric_interpretation() {
        PhotometricInterpretation::Monochrome1 => true,
        PhotometricInterpretation::Monochrome2 => false,
        _ => return Err(ImageRefusal::FormUnsupported),
    };
    let values = values(pixels)?;
    let (low, high) = range(pixels, &values);
    let grey = values.iter().map(|&value| {
        let level = level(value, low, high);
        if dark_is_high { 255 - level } else { level }
    });
    Ok(grey.flat_map(|level| [level; 3]).collect())
}

fn values(pixels: &DecodedPixelData<'_>) -> Result<Vec<f32>, ImageRefusal> {
    let options = ConvertOptions::new()
        .with_modality_lut(ModalityLutOption::Default)
        .with_voi_lut(VoiLutOption::Identity);
    pixels.to_vec_frame_with_options(0, &options).map_err(|_| ImageRefusal::Undecodable)
}

fn range(pixels: &DecodedPixelData<'_>, values: &[f32]) -> (f32, f32) {
    if let Ok(Some([window, ..])) = pixels.window() {
        return window_range(window);
    }
    if pixels.bits_stored() <= 8 && values.iter().all(|value| (0.0..=255.0).contains(value)) {
        return (0.0, 255.0);
    }
    values
        .iter()
        .filter(|value| value.is_finite())
        .fold((f32::MAX, f32::MIN), |(low, high), &value| (low.min(value), high.max(value)))
}

#[expect(clippy::cast_possible_truncation, reason = "a window of 16-bit pixels")]
fn window_range(window: &WindowLevel) -> (f32, f32) {
    let half = (window.width.max(1.0) - 1.0) / 2.0;
    let centre = window.center - 0.5;
    ((centre - half) as f32, (centre + half) as f32)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=255 before"
)]
fn level(value: f32, low: f32, high: f32) -> u8 {
    if !value.is_finite() || high <= low {
        return if value > high { 255 } else { 0 };
    }
    ((value - low) / (high - low) * 255.0).clamp(0.0, 255.0).round() as u8
}
