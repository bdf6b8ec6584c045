//! Which attributes an answer has (PS3.18, tables 10.6.3-3 to 10.6.3-5).

use autoclave_fhir::json::Node;
use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::query::Query;
use crate::json::{name, word};
use crate::path::Level;

/// What one answer is made of.
pub struct Entry<'a> {
    /// The attributes of the instance, or of the first one of the series or study.
    pub metadata: &'a Node<'a>,
    /// What was counted, and where it is retrieved: attributes of the model.
    pub made: Vec<(Tag, Node<'static>)>,
}

const STUDY: [Tag; 12] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_ID,
];
const SERIES: [Tag; 9] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::MODALITY,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::SERIES_DESCRIPTION,
    tags::SERIES_INSTANCE_UID,
    tags::SERIES_NUMBER,
    tags::PERFORMED_PROCEDURE_STEP_START_DATE,
    tags::PERFORMED_PROCEDURE_STEP_START_TIME,
    tags::REQUEST_ATTRIBUTES_SEQUENCE,
];
const INSTANCE: [Tag; 9] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::INSTANCE_NUMBER,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::NUMBER_OF_FRAMES,
];
/// What else is of a whole study, for `includefield=all`; so is the group of the patient.
const STUDY_ALL: [Tag; 6] = [
    tags::STUDY_DESCRIPTION,
    tags::PHYSICIANS_OF_RECORD,
    tags::NAME_OF_PHYSICIANS_READING_STUDY,
    tags::PROCEDURE_CODE_SEQUENCE,
    tags::ADMISSION_ID,
    tags::CONSULTING_PHYSICIAN_NAME,
];
/// What else is of a whole series.
const SERIES_ALL: [Tag; 12] = [
    tags::SERIES_DATE,
    tags::SERIES_TIME,
    tags::LATERALITY,
    tags::BODY_PART_EXAMINED,
    tags::PROTOCOL_NAME,
    tags::MANUFACTURER,
    tags::INSTITUTION_NAME,
    tags::STATION_NAME,
    tags::MANUFACTURER_MODEL_NAME,
    tags::PERFORMING_PHYSICIAN_NAME,
    tags::OPERATORS_NAME,
    tags::PATIENT_POSITION,
];

/// Level by level, which is answered: a search of all series tells of their studies too.
pub struct Around {
    /// The search's own level.
    pub level: Level,
    /// The study stands in the path.
    pub in_study: bool,
    /// The series stands in the path.
    pub in_series: bool,
}

/// One answer: the usual attributes, those asked for, and what was counted.
pub fn answer(around: &Around, query: &Query, entry: &Entry<'_>) -> Node<'static> {
    let mut members: Vec<(Tag, Node<'static>)> = Vec::new();
    for (key, value) in entry.metadata.members() {
        let Some(tag) = crate::json::tag(key) else { continue };
        if is_usual(around, tag)
            || query.fields.contains(&tag)
            || query.all_fields && is_of(around.level, tag)
        {
            members.push((tag, value.clone().into_owned()));
        }
    }
    for (tag, value) in &entry.made {
        members.retain(|(own, _)| own != tag);
        members.push((*tag, value.clone()));
    }
    members.sort_by_key(|(tag, _)| *tag);
    Node::Object(members.into_iter().map(|(tag, value)| (name(tag).into(), value)).collect())
}

fn is_usual(around: &Around, tag: Tag) -> bool {
    let study = around.level == Level::Study || !around.in_study;
    let series =
        around.level == Level::Series || around.level == Level::Instance && !around.in_series;
    study && STUDY.contains(&tag)
        || series && SERIES.contains(&tag)
        || around.level == Level::Instance && INSTANCE.contains(&tag)
        // Which study and series an answer is of is always told.
        || around.level >= Level::Series && tag == tags::STUDY_INSTANCE_UID
        || around.level == Level::Instance && tag == tags::SERIES_INSTANCE_UID
}

fn is_of(level: Level, tag: Tag) -> bool {
    let study = tag.group() == 0x0010 || STUDY.contains(&tag) || STUDY_ALL.contains(&tag);
    match level {
        Level::Instance => true,
        Level::Series => study || SERIES.contains(&tag) || SERIES_ALL.contains(&tag),
        Level::Study => study,
    }
}

/// An attribute with values.
pub fn attribute(vr: &str, values: Vec<Node<'static>>) -> Node<'static> {
    Node::object([("vr", word(vr)), ("Value", Node::List(values))])
}
