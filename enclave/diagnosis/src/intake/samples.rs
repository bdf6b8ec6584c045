//! Images made in the tests, good and hostile.

#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use std::io::Cursor;

use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use image::{DynamicImage, ImageFormat, RgbImage};

use super::{Picture, Sides};

/// A picture of `pixel(x, y)`.
pub(crate) fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
    Picture::new(Sides { width, height }, rgb(width, height, pixel), None).ok().unwrap()
}

pub(crate) fn rgb(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect()
}

/// A bright disc on dark ground.
pub(crate) fn disc(x: u32, y: u32) -> [u8; 3] {
    if x.abs_diff(128).pow(2) + y.abs_diff(128).pow(2) < 400 { [250; 3] } else { [20, 30, 40] }
}

/// `image` crate encodings.
pub(crate) fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_raw(width, height, rgb(width, height, disc)).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG whose header says `width`×`height`, with a right checksum and hardly any data.
pub(crate) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    chunk(&mut png, &header);
    chunk(&mut png, b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01");
    chunk(&mut png, b"IEND");
    png
}

fn chunk(png: &mut Vec<u8>, body: &[u8]) {
    png.extend((body.len() as u32 - 4).to_be_bytes());
    png.extend(body);
    png.extend(crc32(body).to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// A little-endian TIFF whose first directory says `width`×`height`, 8-bit RGB.
pub(crate) fn tiff_header(width: u32, height: u32) -> Vec<u8> {
    let entries: [(u16, u32); 8] = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (278, height),
        (279, 8),
    ];
    let mut tiff = b"II\x2a\0\x08\0\0\0".to_vec();
    tiff.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        tiff.extend(tag.to_le_bytes());
        tiff.extend(4_u16.to_le_bytes());
        tiff.extend(1_u32.to_le_bytes());
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    tiff
}

pub(crate) fn number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

pub(crate) fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// The attributes of a monochrome MR image without its pixels.
pub(crate) fn mr(columns: u16, rows: u16, bits: u16) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    number(&mut object, tags::ROWS, rows);
    number(&mut object, tags::COLUMNS, columns);
    number(&mut object, tags::SAMPLES_PER_PIXEL, 1);
    number(&mut object, tags::BITS_ALLOCATED, bits);
    number(&mut object, tags::BITS_STORED, bits);
    number(&mut object, tags::HIGH_BIT, bits - 1);
    number(&mut object, tags::PIXEL_REPRESENTATION, 0);
    text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    text(&mut object, tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE);
    text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, "2.25.1");
    object
}

/// An MR image of 8-bit grey values.
pub(crate) fn mr_with(columns: u16, rows: u16, grey: Vec<u8>) -> InMemDicomObject {
    let mut object = mr(columns, rows, 8);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(grey)));
    object
}

/// The same as one encapsulated fragment.
pub(crate) fn mr_fragment(columns: u16, rows: u16, fragment: Vec<u8>) -> InMemDicomObject {
    let mut object = mr(columns, rows, 8);
    let sequence = PixelFragmentSequence::new_fragments(vec![fragment]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, sequence));
    object
}

/// Sequences within sequences, `depth` of them.
pub(crate) fn nested(depth: usize) -> InMemDicomObject {
    let mut object = mr_with(64, 64, vec![0; 64 * 64]);
    for _ in 0..depth {
        let sequence = DataSetSequence::from(vec![object]);
        object = mr_with(64, 64, vec![0; 64 * 64]);
        object.put(DataElement::new(tags::REFERENCED_IMAGE_SEQUENCE, VR::SQ, sequence));
    }
    object
}

/// A DICOM file in a transfer syntax.
pub(crate) fn dicom(object: InMemDicomObject, transfer_syntax: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(transfer_syntax);
    let mut bytes = Vec::new();
    object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    bytes
}

/// A DICOM file in explicit little endian.
pub(crate) fn plain(object: InMemDicomObject) -> Vec<u8> {
    dicom(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}
