//! DICOM files for tests, made by another implementation than ours.

use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

pub(crate) const COLUMNS: u16 = 24;
pub(crate) const ROWS: u16 = 16;

pub(crate) fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

pub(crate) fn number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

/// Which instance of which study of whom.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) patient: &'a str,
    pub(crate) study: &'a str,
    pub(crate) series: &'a str,
    pub(crate) instance: &'a str,
}

pub(crate) const ONE: Of<'_> =
    Of { patient: "MRN-1", study: "2.25.1", series: "2.25.1.1", instance: "2.25.1.1.1" };

/// The attributes of an MR image without its pixels.
pub(crate) fn head(of: Of<'_>) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, of.instance),
        (tags::STUDY_INSTANCE_UID, VR::UI, of.study),
        (tags::SERIES_INSTANCE_UID, VR::UI, of.series),
        (tags::PATIENT_ID, VR::LO, of.patient),
        (tags::PATIENT_NAME, VR::PN, "Muster^Anna"),
        (tags::PATIENT_BIRTH_DATE, VR::DA, "19700102"),
        (tags::PATIENT_SEX, VR::CS, "F"),
        (tags::STUDY_DATE, VR::DA, "20260314"),
        (tags::STUDY_TIME, VR::TM, "091500"),
        (tags::ACCESSION_NUMBER, VR::SH, "ACC-7"),
        (tags::STUDY_ID, VR::SH, "S1"),
        (tags::STUDY_DESCRIPTION, VR::LO, "Brain MR"),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, "Doctor^Ida"),
        (tags::MODALITY, VR::CS, "MR"),
        (tags::SERIES_DESCRIPTION, VR::LO, "FLAIR"),
        (tags::SERIES_NUMBER, VR::IS, "1"),
        (tags::INSTANCE_NUMBER, VR::IS, "1"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::PIXEL_SPACING, VR::DS, "0.50\\0.50"),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, "2.25.77"),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, "0\\0\\1.5"),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0"),
        (tags::SLICE_THICKNESS, VR::DS, "2"),
    ] {
        text(&mut object, tag, vr, value);
    }
    for (tag, value) in [
        (tags::ROWS, ROWS),
        (tags::COLUMNS, COLUMNS),
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        number(&mut object, tag, value);
    }
    object
}

pub(crate) fn grey(frames: usize) -> Vec<u8> {
    let pixels = usize::from(ROWS) * usize::from(COLUMNS);
    (0..=250).cycle().take(pixels * frames).collect()
}

/// An MR image of 8-bit grey values.
pub(crate) fn image(of: Of<'_>) -> InMemDicomObject {
    let mut object = head(of);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(grey(1))));
    object
}

/// The same with several frames.
pub(crate) fn frames(of: Of<'_>, count: usize) -> InMemDicomObject {
    let mut object = head(of);
    text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, &count.to_string());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(grey(count))));
    object
}

/// Encapsulated pixels in these fragments.
pub(crate) fn fragments(of: Of<'_>, count: usize, fragments: Vec<Vec<u8>>) -> InMemDicomObject {
    let mut object = head(of);
    text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, &count.to_string());
    let sequence = PixelFragmentSequence::new_fragments(fragments);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, sequence));
    object
}

/// Puts an item into a sequence.
pub(crate) fn sequence(object: &mut InMemDicomObject, tag: Tag, item: InMemDicomObject) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![item])));
}

/// A DICOM file in a transfer syntax.
pub(crate) fn file(object: InMemDicomObject, transfer_syntax: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(transfer_syntax);
    let mut bytes = Vec::new();
    object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    bytes
}

/// A DICOM file in explicit little endian.
pub(crate) fn plain(object: InMemDicomObject) -> Vec<u8> {
    file(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

/// Where an element's header stands in a file in explicit little endian.
pub(crate) fn place(file: &[u8], tag: Tag) -> usize {
    let mut pattern = tag.group().to_le_bytes().to_vec();
    pattern.extend(tag.element().to_le_bytes());
    file.windows(4).position(|window| window == pattern).unwrap()
}
