//! A diagnosis's mask as a DICOM Segmentation (PS3.3, A.51): one binary segment on one source
//! image. The patient's. The mask is written as it is, and says which program drew it.

use autoclave_fhir::json::Node;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use crate::json;
use crate::made::{self, Code, Equipment, MakeError, begin, code, copy, items, number, text};
use crate::uid::Uid;

/// A mask: one byte for each pixel, row by row; what is not 0 belongs to the segment.
#[derive(Clone, Copy)]
pub struct Mask<'a> {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
    /// `columns * rows` bytes.
    pub pixels: &'a [u8],
}

/// What the segment is, and who drew it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// For people.
    pub label: &'a str,
    /// The category, as in (49755003, SCT, "Morphologically abnormal structure").
    pub category: Code<'a>,
    /// The type, as in (4147007, SCT, "Mass").
    pub kind: Code<'a>,
    /// The name of the algorithm: the model and its version.
    pub algorithm: &'a str,
    /// The program.
    pub equipment: Equipment<'a>,
}

/// The file of a segmentation of the instance with this metadata.
pub fn write(
    source: &Node<'_>,
    mask: Mask<'_>,
    segment: &Segment<'_>,
    now: i64,
) -> Result<Vec<u8>, MakeError> {
    let sides = (json::first(source, tags::ROWS), json::first(source, tags::COLUMNS));
    let own = (mask.rows.to_string(), mask.columns.to_string());
    let area = usize::from(mask.rows) * usize::from(mask.columns);
    if sides != (Some(&own.0), Some(&own.1)) || mask.pixels.len() != area || area == 0 {
        return Err(MakeError::Sides);
    }
    let class = uids::SEGMENTATION_STORAGE;
    let mut object = begin(source, class, "SEG", segment.equipment, now)?;
    image(&mut object, mask);
    segments(&mut object, segment);
    let dimension = Uid::random();
    dimensions(&mut object, &dimension);
    common_reference(&mut object, source)?;
    copy(source, &mut object, tags::FRAME_OF_REFERENCE_UID, VR::UI);
    if object.element_opt(tags::FRAME_OF_REFERENCE_UID).ok().flatten().is_some() {
        text(&mut object, tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
    }
    let shared = shared_groups(source);
    items(&mut object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]);
    let frame = frame_groups(source)?;
    items(&mut object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![frame]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(packed(mask))));
    made::file(object)
}

/// Single bits, the first pixel in the lowest (PS3.5, 8.1.1), to an even number of bytes.
fn packed(mask: Mask<'_>) -> Vec<u8> {
    let byte = |pixels: &[u8]| {
        let set = pixels.iter().enumerate().filter(|(_, pixel)| **pixel != 0);
        set.fold(0, |byte, (at, _)| byte | 1 << at)
    };
    let mut bytes: Vec<u8> = mask.pixels.chunks(8).map(byte).collect();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

fn image(object: &mut InMemDicomObject, mask: Mask<'_>) {
    made::pixel_form(object, mask.rows, mask.columns, 1);
    number(object, tags::SAMPLES_PER_PIXEL, 1);
    for (tag, vr, value) in [
        (tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "1"),
        (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        (tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        (tags::CONTENT_LABEL, VR::CS, "DIAGNOSIS"),
        (tags::CONTENT_DESCRIPTION, VR::LO, "Mask drawn by a diagnosis"),
        (tags::CONTENT_CREATOR_NAME, VR::PN, ""),
        (tags::SERIES_DESCRIPTION, VR::LO, "Segmentation"),
        (tags::SERIES_NUMBER, VR::IS, "9001"),
    ] {
        text(object, tag, vr, value);
    }
}

fn segments(object: &mut InMemDicomObject, segment: &Segment<'_>) {
    let mut item = InMemDicomObject::new_empty();
    number(&mut item, tags::SEGMENT_NUMBER, 1);
    text(&mut item, tags::SEGMENT_LABEL, VR::LO, segment.label);
    text(&mut item, tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC");
    text(&mut item, tags::SEGMENT_ALGORITHM_NAME, VR::LO, segment.algorithm);
    code(&mut item, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, segment.category);
    code(&mut item, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, segment.kind);
    items(object, tags::SEGMENT_SEQUENCE, vec![item]);
}

/// One dimension: the segment (PS3.3, C.7.6.17).
fn dimensions(object: &mut InMemDicomObject, uid: &Uid) {
    let mut organization = InMemDicomObject::new_empty();
    text(&mut organization, tags::DIMENSION_ORGANIZATION_UID, VR::UI, uid.as_str());
    items(object, tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![organization]);
    let mut index = InMemDicomObject::new_empty();
    text(&mut index, tags::DIMENSION_ORGANIZATION_UID, VR::UI, uid.as_str());
    tag_of(&mut index, tags::DIMENSION_INDEX_POINTER, tags::REFERENCED_SEGMENT_NUMBER);
    tag_of(&mut index, tags::FUNCTIONAL_GROUP_POINTER, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
    text(&mut index, tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, "Segment Number");
    items(object, tags::DIMENSION_INDEX_SEQUENCE, vec![index]);
}

fn tag_of(object: &mut InMemDicomObject, tag: Tag, value: Tag) {
    object.put(DataElement::new(tag, VR::AT, PrimitiveValue::from(value)));
}

fn referenced(source: &Node<'_>) -> Result<InMemDicomObject, MakeError> {
    let mut item = InMemDicomObject::new_empty();
    for (from, to) in [
        (tags::SOP_CLASS_UID, tags::REFERENCED_SOP_CLASS_UID),
        (tags::SOP_INSTANCE_UID, tags::REFERENCED_SOP_INSTANCE_UID),
    ] {
        text(&mut item, to, VR::UI, json::first(source, from).ok_or(MakeError::Source)?);
    }
    Ok(item)
}

fn common_reference(object: &mut InMemDicomObject, source: &Node<'_>) -> Result<(), MakeError> {
    let series = json::first(source, tags::SERIES_INSTANCE_UID).ok_or(MakeError::Source)?;
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::SERIES_INSTANCE_UID, VR::UI, series);
    items(&mut item, tags::REFERENCED_INSTANCE_SEQUENCE, vec![referenced(source)?]);
    items(object, tags::REFERENCED_SERIES_SEQUENCE, vec![item]);
    Ok(())
}

/// What holds for every frame: how large pixels are and which way they lie, where the source
/// says so.
fn shared_groups(source: &Node<'_>) -> InMemDicomObject {
    let mut shared = InMemDicomObject::new_empty();
    let mut measures = InMemDicomObject::new_empty();
    if copy(source, &mut measures, tags::PIXEL_SPACING, VR::DS) {
        for tag in [tags::SLICE_THICKNESS, tags::SPACING_BETWEEN_SLICES] {
            copy(source, &mut measures, tag, VR::DS);
        }
        items(&mut shared, tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    }
    let mut plane = InMemDicomObject::new_empty();
    if copy(source, &mut plane, tags::IMAGE_ORIENTATION_PATIENT, VR::DS) {
        items(&mut shared, tags::PLANE_ORIENTATION_SEQUENCE, vec![plane]);
    }
    shared
}

fn frame_groups(source: &Node<'_>) -> Result<InMemDicomObject, MakeError> {
    let mut frame = InMemDicomObject::new_empty();
    let mut content = InMemDicomObject::new_empty();
    let one = DataElement::new(tags::DIMENSION_INDEX_VALUES, VR::UL, PrimitiveValue::from(1_u32));
    content.put(one);
    items(&mut frame, tags::FRAME_CONTENT_SEQUENCE, vec![content]);
    let mut position = InMemDicomObject::new_empty();
    if copy(source, &mut position, tags::IMAGE_POSITION_PATIENT, VR::DS) {
        items(&mut frame, tags::PLANE_POSITION_SEQUENCE, vec![position]);
    }
    let mut segment = InMemDicomObject::new_empty();
    number(&mut segment, tags::REFERENCED_SEGMENT_NUMBER, 1);
    items(&mut frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![segment]);
    let mut image = referenced(source)?;
    text(&mut image, tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
    let purpose = Code {
        value: "121322",
        scheme: "DCM",
        meaning: "Source image for image processing operation",
    };
    code(&mut image, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, purpose);
    let mut derivation = InMemDicomObject::new_empty();
    items(&mut derivation, tags::SOURCE_IMAGE_SEQUENCE, vec![image]);
    let how = Code { value: "113076", scheme: "DCM", meaning: "Segmentation" };
    code(&mut derivation, tags::DERIVATION_CODE_SEQUENCE, how);
    items(&mut frame, tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]);
    Ok(frame)
}

#[cfg(test)]
pub(crate) mod tests;
