//! PNG, WebP and TIFF through the crate `image`.
//! It belongs to the intake of the diagnosis enclave.
//! The decoder never allocates more than its bound, nor starts before the sides fit.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{IMAGE_PIXELS_MAX, IMAGE_SIDE_PX_MAX, ImageKind, ImageRefusal, Picture, Sides};

/// Allocations of one decoder: the largest picture with four 16-bit channels, twice.
const DECODER_BYTES_MAX: u64 = IMAGE_PIXELS_MAX * 8 * 2;

pub(super) fn decode(kind: ImageKind, bytes: &[u8]) -> Result<Picture, ImageRefusal> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format(kind)?);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    let sides = Sides::check(width, height)?;
    if decoder.total_bytes() > DECODER_BYTES_MAX {
        return Err(ImageRefusal::Dimensions);
    }
    let rgb = DynamicImage::from_decoder(decoder).map_err(refusal)?.into_rgb8();
    Picture::new(sides, rgb.into_raw(), None)
}

fn format(kind: ImageKind) -> Result<ImageFormat, ImageRefusal> {
    match kind {
        ImageKind::Png => Ok(ImageFormat::Png),
        ImageKind::WebP => Ok(ImageFormat::WebP),
        ImageKind::Tiff => Ok(ImageFormat::Tiff),
        ImageKind::Dicom => Err(ImageRefusal::TypeUnsupported),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(IMAGE_SIDE_PX_MAX);
    limits.max_image_height = Some(IMAGE_SIDE_PX_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    limits
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn refusal(error: image::ImageError) -> ImageRefusal {
    match error {
        image::ImageError::Limits(_) => ImageRefusal::Dimensions,
        _ => ImageRefusal::Undecodable,
    }
}
