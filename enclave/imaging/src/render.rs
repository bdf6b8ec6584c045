//! Pictures to look at (PS3.18, 8.3.5): one frame, windowed, as PNG or JPEG. The hospital's.
//! Nothing is decoded whose stream claims other sides than its file, or more than fits.

mod grey;

use std::io::Cursor;

use dicom_object::{OpenFileOptions, file::ReadPreamble};
use dicom_pixeldata::{
    DecodedPixelData, PhotometricInterpretation, PixelDecoder, PlanarConfiguration,
};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

use crate::dataset;
use crate::instance::Pixels;
use dicom_dictionary_std::tags;

pub use grey::Window;

/// Most pixels of a frame that is decoded.
const PIXELS_MAX: usize = 64 * 1024 * 1024;
/// The sides of a thumbnail.
pub const THUMBNAIL_SIDE: u32 = 128;
/// Most pixels of a viewport's side.
const VIEWPORT_MAX: u32 = 8192;

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There are no pixels, or no such frame.
    #[error("there is no such frame")]
    NoFrame,
    /// No decoder here for its transfer syntax or form.
    #[error("the pixels are in a form that is not decoded here")]
    Unsupported,
    /// The stream does not decode, or contradicts its file.
    #[error("the pixels do not decode")]
    Undecodable,
}

/// A picture's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
}

impl Kind {
    /// The media type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// How a frame is rendered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Which picture.
    pub kind: Kind,
    /// Through which window; the file's own where there is none.
    pub window: Option<Window>,
    /// Into sides of at most so many pixels.
    pub within: Option<(u32, u32)>,
    /// Of JPEG, from 1 to 100.
    pub quality: u8,
}

impl Look {
    /// Reads `window`, `viewport` and `quality`; what is malformed is refused.
    pub fn of(kind: Kind, pairs: &[(String, String)]) -> Option<Self> {
        let mut look = Self { kind, window: None, within: None, quality: 90 };
        for (name, value) in pairs {
            match name.as_str() {
                "window" => look.window = Some(Window::parse(value)?),
                "viewport" => look.within = Some(viewport(value)?),
                "quality" => {
                    look.quality =
                        value.parse().ok().filter(|quality| (1..=100).contains(quality))?;
                }
                _ => {}
            }
        }
        Some(look)
    }
}

fn viewport(value: &str) -> Option<(u32, u32)> {
    let mut sides = value.split(',').map(|side| side.trim().parse::<u32>().ok());
    let (width, height) = (sides.next()??, sides.next()??);
    let sound = |side: u32| (1..=VIEWPORT_MAX).contains(&side);
    (sound(width) && sound(height)).then_some((width, height))
}

/// One frame as a picture; the first frame is 0.
pub fn render(file: &[u8], frame: usize, look: &Look) -> Result<Vec<u8>, RenderError> {
    let picture = picture(file, frame, look.window)?;
    let picture = match look.within {
        Some((width, height)) if picture.width() > width || picture.height() > height => {
            picture.thumbnail(width, height)
        }
        _ => picture,
    };
    encode(&picture, look)
}

fn encode(picture: &DynamicImage, look: &Look) -> Result<Vec<u8>, RenderError> {
    if look.kind == Kind::Png {
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png).map_err(|_| RenderError::Unsupported)?;
        return Ok(png.into_inner());
    }
    let side = |side: u32| u16::try_from(side).map_err(|_| RenderError::Unsupported);
    let (width, height) = (side(picture.width())?, side(picture.height())?);
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, look.quality);
    let done = match picture {
        DynamicImage::ImageLuma8(grey) => {
            encoder.encode(grey.as_raw(), width, height, jpeg_encoder::ColorType::Luma)
        }
        other => {
            encoder.encode(other.to_rgb8().as_raw(), width, height, jpeg_encoder::ColorType::Rgb)
        }
    };
    done.map_err(|_| RenderError::Unsupported)?;
    Ok(jpeg)
}

fn picture(file: &[u8], frame: usize, window: Option<Window>) -> Result<DynamicImage, RenderError> {
    let form = Form::of(file, frame)?;
    if form.bits == 1 {
        return bits(file, &form, frame);
    }
    let pixels = decode(file, frame)?;
    if form.samples == 1 {
        let grey = grey::levels(&pixels, window)?;
        let image = GrayImage::from_raw(form.columns, form.rows, grey);
        return image.map(DynamicImage::ImageLuma8).ok_or(RenderError::Undecodable);
    }
    let image = RgbImage::from_raw(form.columns, form.rows, colour(&pixels)?);
    image.map(DynamicImage::ImageRgb8).ok_or(RenderError::Undecodable)
}

/// The decoded samples of one frame, little endian as they are stored.
pub fn samples(file: &[u8], frame: usize) -> Result<Vec<u8>, RenderError> {
    Form::of(file, frame)?;
    Ok(decode(file, frame)?.data().to_vec())
}

fn decode(file: &[u8], frame: usize) -> Result<DecodedPixelData<'static>, RenderError> {
    let frame = u32::try_from(frame).map_err(|_| RenderError::NoFrame)?;
    let object = OpenFileOptions::new().read_preamble(ReadPreamble::Always).from_reader(file);
    let object = object.map_err(|_| RenderError::Undecodable)?;
    let pixels = object.decode_pixel_data_frame(frame).map_err(|_| RenderError::Unsupported)?;
    Ok(pixels.to_owned())
}

/// 8-bit RGB, interleaved. Decoders of compressed pixels have made RGB of it already.
fn colour(pixels: &DecodedPixelData<'_>) -> Result<Vec<u8>, RenderError> {
    if pixels.bits_allocated() != 8
        || *pixels.photometric_interpretation() != PhotometricInterpretation::Rgb
    {
        return Err(RenderError::Unsupported);
    }
    let data = pixels.data();
    match pixels.planar_configuration() {
        PlanarConfiguration::Standard => Ok(data.to_vec()),
        PlanarConfiguration::PixelFirst => Ok(interleaved(data)),
    }
}

/// Turns three planes into triples (PS3.3, C.7.6.3.1.3).
fn interleaved(planes: &[u8]) -> Vec<u8> {
    let plane = planes.len() / 3;
    let (red, rest) = planes.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]).collect()
}

/// A frame of single bits, the first pixel in the lowest (PS3.5, 8.1.1).
fn bits(file: &[u8], form: &Form, frame: usize) -> Result<DynamicImage, RenderError> {
    let Pixels::Native { place, frame_bits, .. } = &form.pixels else {
        return Err(RenderError::Unsupported);
    };
    let bytes = file.get(place.clone()).ok_or(RenderError::Undecodable)?;
    let from = frame * frame_bits;
    let one = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or_default();
        if byte >> (at % 8) & 1 == 1 { 255 } else { 0 }
    };
    let grey = (from..from + frame_bits).map(one).collect();
    let image = GrayImage::from_raw(form.columns, form.rows, grey);
    image.map(DynamicImage::ImageLuma8).ok_or(RenderError::Undecodable)
}

/// What has to be true before anything is decoded.
struct Form {
    columns: u32,
    rows: u32,
    samples: u16,
    bits: u16,
    pixels: Pixels,
}

impl Form {
    fn of(bytes: &[u8], frame: usize) -> Result<Self, RenderError> {
        let instance = crate::Instance::read(bytes).map_err(|_| RenderError::Undecodable)?;
        let pixels = instance.pixels.ok_or(RenderError::NoFrame)?;
        if frame >= pixels.frames() {
            return Err(RenderError::NoFrame);
        }
        let file = dataset::read(bytes).map_err(|_| RenderError::Undecodable)?;
        let number = |tag| file.data.number(tag, bytes).ok_or(RenderError::Unsupported);
        let (rows, columns) = (number(tags::ROWS)?, number(tags::COLUMNS)?);
        let samples = number(tags::SAMPLES_PER_PIXEL)?;
        let bits = number(tags::BITS_ALLOCATED)?;
        let is_small = usize::from(rows) * usize::from(columns) <= PIXELS_MAX;
        if !matches!((samples, bits), (1, 1 | 8 | 16 | 32) | (3, 8)) || !is_small {
            return Err(RenderError::Unsupported);
        }
        if let Pixels::Encapsulated { frames } = &pixels {
            let first = frames[frame].first().and_then(|range| bytes.get(range.clone()));
            same_sides(first.unwrap_or_default(), columns, rows)?;
        }
        Ok(Self { columns: columns.into(), rows: rows.into(), samples, bits, pixels })
    }
}

/// Refuses a JPEG stream whose frame header (ITU-T T.81, B.2.2) has other sides than the
/// file: its decoder allocates by that header. Run-length data has no header.
fn same_sides(stream: &[u8], columns: u16, rows: u16) -> Result<(), RenderError> {
    if !stream.starts_with(&[0xff, 0xd8]) {
        return Ok(());
    }
    match jpeg_sides(&stream[2..]) {
        Some(sides) if sides == (columns, rows) => Ok(()),
        _ => Err(RenderError::Undecodable),
    }
}

fn jpeg_sides(mut segments: &[u8]) -> Option<(u16, u16)> {
    loop {
        let [0xff, marker, high, low, ..] = *segments else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xff => segments = &segments[1..],
            // C4, C8 and CC among the frame headers are tables and reserved.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let side = |at: usize| {
                    Some(u16::from_be_bytes([*segments.get(at)?, *segments.get(at + 1)?]))
                };
                return Some((side(7)?, side(5)?));
            }
            _ => segments = segments.get(2 + length..)?,
        }
    }
}

#[cfg(test)]
mod tests;
