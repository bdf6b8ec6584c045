//! Intake of images: bytes and a media type become a picture, or a refusal with a code.
//! It belongs to the diagnosis enclave and treats every byte as hostile.
//! Nothing is decoded whose kind, sides and pixel count were not read from its header
//! and found within bounds.

mod dicom;
mod raster;

use thiserror::Error;

/// An encoded image, as any request body of this system.
pub const IMAGE_BYTES_MAX: usize = 200 << 20;
/// A side below this shows no anatomy; a single pixel is an attack or an accident.
pub const IMAGE_SIDE_PX_MIN: u32 = 16;
/// A side of the largest radiographs is below 5,000 pixels.
pub const IMAGE_SIDE_PX_MAX: u32 = 8_192;
/// Pixels of one image (48 MiB as RGB).
pub const IMAGE_PIXELS_MAX: u64 = 16 << 20;

/// The kinds of image that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// `image/png`
    Png,
    /// `image/webp`, lossy or lossless
    WebP,
    /// `image/tiff`, its first page
    Tiff,
    /// `application/dicom`, one frame
    Dicom,
}

/// Why bytes are not an image that a model may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImageRefusal {
    /// The media type is none of [`ImageKind`].
    #[error("the content type is none that this route takes")]
    TypeUnsupported,
    /// No bytes.
    #[error("the image is empty")]
    Empty,
    /// More than [`IMAGE_BYTES_MAX`].
    #[error("the image has too many bytes")]
    TooLarge,
    /// The bytes are of another kind than the media type says.
    #[error("the image is not what its content type says")]
    TypeMismatch,
    /// A side or the pixel count is out of bounds.
    #[error("the image is too small, too large, or too long on one side")]
    Dimensions,
    /// The decoder gave up.
    #[error("the image cannot be decoded")]
    Undecodable,
    /// A DICOM object without pixel data.
    #[error("the DICOM object has no pixel data")]
    NoPixels,
    /// A DICOM transfer syntax, frame count or pixel form that is not taken.
    #[error("the DICOM object's pixel data is of a form that is not taken")]
    FormUnsupported,
}

impl ImageRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TypeUnsupported => "image.type_unsupported",
            Self::Empty => "image.empty",
            Self::TooLarge => "image.too_large",
            Self::TypeMismatch => "image.type_mismatch",
            Self::Dimensions => "image.dimensions",
            Self::Undecodable => "image.undecodable",
            Self::NoPixels => "image.no_pixels",
            Self::FormUnsupported => "image.form_unsupported",
        }
    }
}

/// Distance between the centres of neighbouring pixels, in millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// Between rows.
    pub row_mm: f64,
    /// Between columns.
    pub column_mm: f64,
}

/// A decoded picture: 8-bit RGB, sides within bounds. It is a patient's, so it cannot be
/// printed.
#[derive(Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    spacing: Option<Spacing>,
}

/// Sides that were checked before anything was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    width: u32,
    height: u32,
}

impl ImageKind {
    /// The kind that a `Content-Type` names; parameters are ignored.
    pub fn of_media_type(media_type: &str) -> Result<Self, ImageRefusal> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "image/png" => Ok(Self::Png),
            "image/webp" => Ok(Self::WebP),
            "image/tiff" => Ok(Self::Tiff),
            "application/dicom" => Ok(Self::Dicom),
            _ => Err(ImageRefusal::TypeUnsupported),
        }
    }

    /// The kind that the first bytes show.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some(Self::Tiff),
            _ if bytes.get(128..132) == Some(b"DICM") => Some(Self::Dicom),
            _ => None,
        }
    }
}

impl Picture {
    /// Decodes `bytes`, which came under `media_type`.
    pub fn decode(media_type: &str, bytes: &[u8]) -> Result<Self, ImageRefusal> {
        let kind = ImageKind::of_media_type(media_type)?;
        if bytes.is_empty() {
            return Err(ImageRefusal::Empty);
        }
        if bytes.len() > IMAGE_BYTES_MAX {
            return Err(ImageRefusal::TooLarge);
        }
        // A DICOM object starts with 128 free bytes, in which a TIFF header is legal.
        let shown =
            if kind == ImageKind::Dicom { dicom::shown(bytes) } else { ImageKind::of_bytes(bytes) };
        if shown != Some(kind) {
            return Err(ImageRefusal::TypeMismatch);
        }
        match kind {
            ImageKind::Dicom => dicom::decode(bytes),
            ImageKind::Png | ImageKind::WebP | ImageKind::Tiff => raster::decode(kind, bytes),
        }
    }

    /// Takes pixels that a decoder made, if they fill the sides.
    fn new(sides: Sides, rgb: Vec<u8>, spacing: Option<Spacing>) -> Result<Self, ImageRefusal> {
        let bytes = u64::from(sides.width) * u64::from(sides.height) * 3;
        if rgb.len() as u64 != bytes {
            return Err(ImageRefusal::Undecodable);
        }
        Ok(Self { width: sides.width, height: sides.height, rgb, spacing })
    }

    /// Columns.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Three bytes for each pixel, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Gives the pixels up.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// The distance of pixels, where the file says it.
    pub const fn spacing(&self) -> Option<Spacing> {
        self.spacing
    }
}

impl Sides {
    fn check(width: u32, height: u32) -> Result<Self, ImageRefusal> {
        let side = IMAGE_SIDE_PX_MIN..=IMAGE_SIDE_PX_MAX;
        let pixels = u64::from(width) * u64::from(height);
        if side.contains(&width) && side.contains(&height) && pixels <= IMAGE_PIXELS_MAX {
            Ok(Self { width, height })
        } else {
            Err(ImageRefusal::Dimensions)
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
