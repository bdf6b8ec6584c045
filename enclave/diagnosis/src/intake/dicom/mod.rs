//! One-frame DICOM objects through dicom-rs, with codecs in Rust only.
//! It belongs to the intake of the diagnosis enclave.
//! Nothing of a DICOM object but its pixels and their spacing goes any further.

mod form;
mod grey;
mod guard;

use dicom_object::{DefaultDicomObject, FileMetaTable, OpenFileOptions, file::ReadPreamble};
use dicom_pixeldata::{
    DecodedPixelData, PhotometricInterpretation, PixelDecoder, PlanarConfiguration,
};

use self::form::Form;
use super::{ImageKind, ImageRefusal, Picture};

/// Bytes before the magic word of a DICOM file (PS3.10, 7.1).
const PREAMBLE_BYTES: usize = 128;

pub(super) fn shown(bytes: &[u8]) -> Option<ImageKind> {
    (bytes.get(PREAMBLE_BYTES..PREAMBLE_BYTES + 4) == Some(b"DICM")).then_some(ImageKind::Dicom)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, ImageRefusal> {
    let object = open(bytes)?;
    let form = Form::of(&object)?;
    let pixels = object.decode_pixel_data_frame(0).map_err(|_| ImageRefusal::Undecodable)?;
    let rgb = match form.samples {
        3 => colour(&pixels)?,
        _ => grey::replicated(&pixels)?,
    };
    Picture::new(form.sides, rgb, form.spacing)
}

fn open(bytes: &[u8]) -> Result<DefaultDicomObject, ImageRefusal> {
    let mut rest = bytes.get(PREAMBLE_BYTES..).ok_or(ImageRefusal::Undecodable)?;
    let meta = FileMetaTable::from_reader(&mut rest).map_err(|_| ImageRefusal::Undecodable)?;
    guard::check(meta.transfer_syntax(), rest)?;
    OpenFileOptions::new()
        .read_preamble(ReadPreamble::Always)
        .from_reader(bytes)
        .map_err(|_| ImageRefusal::Undecodable)
}

/// 8-bit RGB, interleaved. Decoders of compressed pixels have made RGB of it already.
fn colour(pixels: &DecodedPixelData<'_>) -> Result<Vec<u8>, ImageRefusal> {
    if pixels.bits_allocated() != 8
        || *pixels.photometric_interpretation() != PhotometricInterpretation::Rgb
    {
        return Err(ImageRefusal::FormUnsupported);
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
