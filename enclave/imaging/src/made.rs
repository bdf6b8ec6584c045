//! DICOM objects that are made here: the attributes that all of them share. The hospital's.
//! Whose they are and of which study is copied from the source, never invented.

use autoclave_fhir::json::Node;
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use crate::json;
use crate::uid::Uid;

/// Why an object is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The source names no study, or what it is.
    #[error("the source image does not say which study it belongs to")]
    Source,
    /// A picture or mask has other sides than its source, or none that DICOM has.
    #[error("the sides do not fit")]
    Sides,
    /// The picture does not decode.
    #[error("the picture does not decode")]
    Picture,
    /// It cannot be written.
    #[error("the object cannot be written")]
    Write,
}

/// Who made an object (PS3.3, C.7.5.1 and C.7.5.2).
#[derive(Clone, Copy, Debug)]
pub struct Equipment<'a> {
    /// The program.
    pub model: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Which one of its kind: its measurement, or a serial number.
    pub serial: &'a str,
}

/// A coded concept.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The code.
    pub value: &'a str,
    /// The designator of its scheme, as in `SCT`.
    pub scheme: &'a str,
    /// What it means.
    pub meaning: &'a str,
}

/// The patient and study of a source: attributes of types 1 and 2 are there, if empty.
const PATIENT_AND_STUDY: [(Tag, VR); 12] = [
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::STUDY_ID, VR::SH),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO),
    (tags::STUDY_DESCRIPTION, VR::LO),
];
/// Of those, the ones that may be missing.
const OPTIONAL: [Tag; 2] = [tags::ISSUER_OF_PATIENT_ID, tags::STUDY_DESCRIPTION];

pub(crate) fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

pub(crate) fn number(object: &mut InMemDicomObject, tag: Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

pub(crate) fn items(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

pub(crate) fn code(object: &mut InMemDicomObject, tag: Tag, code: Code<'_>) {
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::CODE_VALUE, VR::SH, code.value);
    text(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, code.scheme);
    text(&mut item, tags::CODE_MEANING, VR::LO, code.meaning);
    items(object, tag, vec![item]);
}

/// Copies an attribute of a source's metadata, all of its values.
pub(crate) fn copy(from: &Node<'_>, object: &mut InMemDicomObject, tag: Tag, vr: VR) -> bool {
    let values = from.get(&json::name(tag)).and_then(|one| one.get("Value"));
    let texts: Vec<String> = values.map_or(&[][..], Node::items).iter().map(words).collect();
    if texts.iter().all(String::is_empty) {
        return false;
    }
    text(object, tag, vr, &texts.join("\\"));
    true
}

fn words(value: &Node<'_>) -> String {
    if let Some(text) = value.text().or_else(|| value.number()) {
        return text.to_owned();
    }
    let group = |name: &str| value.text_of(name).unwrap_or_default();
    let name = ["Alphabetic", "Ideographic", "Phonetic"].map(group).join("=");
    name.trim_end_matches('=').to_owned()
}

/// An object of the patient and study of a source, in a new series.
pub(crate) fn begin(
    source: &Node<'_>,
    class: &str,
    modality: &str,
    equipment: Equipment<'_>,
    now: i64,
) -> Result<InMemDicomObject, MakeError> {
    let mut object = InMemDicomObject::new_empty();
    text(&mut object, tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    for (tag, vr) in PATIENT_AND_STUDY {
        let is_there = copy(source, &mut object, tag, vr);
        if !is_there && !OPTIONAL.contains(&tag) {
            text(&mut object, tag, vr, "");
        }
    }
    json::first(source, tags::STUDY_INSTANCE_UID).ok_or(MakeError::Source)?;
    let (day, time) = moment(now);
    let (instance, series) = (Uid::random(), Uid::random());
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, class),
        (tags::SOP_INSTANCE_UID, VR::UI, instance.as_str()),
        (tags::SERIES_INSTANCE_UID, VR::UI, series.as_str()),
        (tags::MODALITY, VR::CS, modality),
        (tags::INSTANCE_NUMBER, VR::IS, "1"),
        (tags::INSTANCE_CREATION_DATE, VR::DA, &day),
        (tags::INSTANCE_CREATION_TIME, VR::TM, &time),
        (tags::CONTENT_DATE, VR::DA, &day),
        (tags::CONTENT_TIME, VR::TM, &time),
        (tags::SERIES_DATE, VR::DA, &day),
        (tags::SERIES_TIME, VR::TM, &time),
        (tags::MANUFACTURER, VR::LO, "Autoclave"),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, equipment.model),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO, equipment.serial),
        (tags::SOFTWARE_VERSIONS, VR::LO, equipment.version),
    ] {
        text(&mut object, tag, vr, value);
    }
    Ok(object)
}

/// Date and time in UTC; the offset says so.
fn moment(now: i64) -> (String, String) {
    let instant = crate::shelf::instant(now);
    let digits: String = instant.chars().filter(char::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default().to_owned();
    (part(0..8), part(8..14))
}

/// Bits per sample and how many of them, for an image of whole bytes.
pub(crate) fn pixel_form(object: &mut InMemDicomObject, rows: u16, columns: u16, bits: u16) {
    for (tag, value) in [
        (tags::ROWS, rows),
        (tags::COLUMNS, columns),
        (tags::BITS_ALLOCATED, bits),
        (tags::BITS_STORED, bits),
        (tags::HIGH_BIT, bits - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        number(object, tag, value);
    }
}

/// The file of an object, in explicit little endian.
pub(crate) fn file(object: InMemDicomObject) -> Result<Vec<u8>, MakeError> {
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    let file = object.with_meta(meta).map_err(|_| MakeError::Write)?;
    file.write_all(&mut bytes).map_err(|_| MakeError::Write)?;
    Ok(bytes)
}
