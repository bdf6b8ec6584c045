//! A plain picture (PNG, WebP, TIFF) as a DICOM Secondary Capture (PS3.3, A.8), so that what
//! came without DICOM can be referred to, and found, like what came with it. The patient's.

use std::io::Cursor;

use autoclave_fhir::json::Node;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use image::{ImageReader, Limits};

use crate::json::{name, word};
use crate::made::{self, Equipment, MakeError, begin, number, text};
use crate::qido::attribute;
use crate::uid::Uid;

/// Most pixels of a side.
const SIDE_MAX: u32 = 16_384;
/// Most bytes of a decoded picture.
const DECODED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Whose picture, and of which study.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    /// Patient ID, by which it is filed.
    pub patient_id: &'a str,
    /// Issuer of Patient ID, where the clinic knows several.
    pub issuer: Option<&'a str>,
    /// Patient's Name, as `Family^Given`.
    pub name: &'a str,
    /// Birth date as `YYYYMMDD`; empty where it is not known.
    pub born: &'a str,
    /// `F`, `M`, `O` or empty.
    pub sex: &'a str,
    /// The study; a new one where there is none.
    pub study: Option<&'a Uid>,
}

/// The file of a Secondary Capture of a picture.
pub fn write(
    picture: &[u8],
    whose: Whose<'_>,
    equipment: Equipment<'_>,
    now: i64,
) -> Result<Vec<u8>, MakeError> {
    let mut reader = ImageReader::new(Cursor::new(picture))
        .with_guessed_format()
        .map_err(|_| MakeError::Picture)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|_| MakeError::Picture)?;
    let side = |side: u32| u16::try_from(side).map_err(|_| MakeError::Sides);
    let (columns, rows) = (side(picture.width())?, side(picture.height())?);
    let class = uids::SECONDARY_CAPTURE_IMAGE_STORAGE;
    let mut object = begin(&source(whose), class, "OT", equipment, now)?;
    made::pixel_form(&mut object, rows, columns, 8);
    text(&mut object, tags::CONVERSION_TYPE, VR::CS, "WSD");
    text(&mut object, tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY");
    text(&mut object, tags::SERIES_NUMBER, VR::IS, "1");
    text(&mut object, tags::PATIENT_ORIENTATION, VR::CS, "");
    let is_grey = !picture.color().has_color();
    let (interpretation, samples, mut pixels) = if is_grey {
        ("MONOCHROME2", 1, picture.into_luma8().into_raw())
    } else {
        number(&mut object, tags::PLANAR_CONFIGURATION, 0);
        ("RGB", 3, picture.into_rgb8().into_raw())
    };
    if pixels.len() % 2 == 1 {
        pixels.push(0);
    }
    number(&mut object, tags::SAMPLES_PER_PIXEL, samples);
    text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, interpretation);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));
    made::file(object)
}

/// Patient and study in the form of a source's metadata.
fn source(whose: Whose<'_>) -> Node<'static> {
    let new = Uid::random();
    let study = whose.study.unwrap_or(&new);
    let person = Node::object([("Alphabetic", word(whose.name))]);
    let mut members = vec![
        (tags::PATIENT_NAME, attribute("PN", vec![person])),
        (tags::PATIENT_ID, attribute("LO", vec![word(whose.patient_id)])),
        (tags::PATIENT_BIRTH_DATE, attribute("DA", vec![word(whose.born)])),
        (tags::PATIENT_SEX, attribute("CS", vec![word(whose.sex)])),
        (tags::STUDY_INSTANCE_UID, attribute("UI", vec![word(study.as_str())])),
    ];
    members.extend(
        whose
            .issuer
            .map(|issuer| (tags::ISSUER_OF_PATIENT_ID, attribute("LO", vec![word(issuer)]))),
    );
    Node::Object(members.into_iter().map(|(tag, value)| (name(tag).into(), value)).collect())
}
