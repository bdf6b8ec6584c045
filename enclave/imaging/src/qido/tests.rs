use autoclave_fhir::json::Node;
use dicom_dictionary_std::tags;

use super::matching::{is_like, is_meant};
use super::*;
use crate::instance::samples::{self, ONE};
use crate::path::Level;
use crate::{Instance, json};

fn query(pairs: &[(&str, &str)]) -> Result<Query, QueryRefusal> {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Query::parse(&pairs)
}

fn metadata() -> Node<'static> {
    let mut object = samples::image(ONE);
    samples::sequence(&mut object, tags::REQUEST_ATTRIBUTES_SEQUENCE, samples::head(ONE));
    Instance::read(&samples::plain(object)).unwrap().metadata
}

#[test]
fn keys_match_by_the_representation_of_their_attribute() {
    let metadata = metadata();
    for (name, value, expected) in [
        ("PatientName", "muster^anna", true),
        ("PatientName", "MUSTER*", true),
        ("00100010", "Must?r^*", true),
        ("PatientName", "Anna*", false),
        ("PatientID", "MRN-1", true),
        ("PatientID", "mrn-1", false),
        ("PatientID", "MRN", false),
        ("StudyDate", "20260314", true),
        ("StudyDate", "20260101-20261231", true),
        ("StudyDate", "-20260313", false),
        ("StudyDate", "20260314-", true),
        ("StudyTime", "0800-0930", true),
        ("StudyTime", "0800-0914", false),
        ("StudyTime", "09-09", true),
        ("StudyInstanceUID", "2.25.9,2.25.1", true),
        ("StudyInstanceUID", "2.25.9\\2.25.1", true),
        ("StudyInstanceUID", "2.25.*", false),
        ("Modality", "CT\\MR", true),
        ("SeriesNumber", "01", true),
        ("Rows", "16", true),
        ("Rows", "17", false),
        ("BodyPartExamined", "*", true),
        ("BodyPartExamined", "", true),
        ("BodyPartExamined", "BRAIN", false),
        ("RequestAttributesSequence.AccessionNumber", "ACC-?", true),
        ("00400275.00080050", "ACC-8", false),
    ] {
        let query = query(&[(name, value)]).unwrap();
        assert_eq!(matches(&metadata, &query.keys), expected, "{name}={value}");
    }
}

#[test]
fn wildcards_cost_no_more_than_their_lengths() {
    let value = "a".repeat(20_000);
    let pattern = "*a".repeat(200) + "b";
    assert!(!is_like(&value, &pattern));
    assert!(is_like("", "**") && is_like("abc", "a*?c") && !is_like("ac", "a?c*c"));
}

#[test]
fn times_and_zones_are_told_apart() {
    assert!(is_meant("DT", "20260314091500.000+0100", "20260314"));
    assert!(is_meant("DT", "20260314091500", "20260313-20260315"));
    assert!(!is_meant("DT", "20260316", "20260313-20260315"));
    assert!(is_meant("DA", "2026.03.14", "20260314"));
}

#[test]
fn parameters_are_read_by_keyword_and_by_number() {
    let query = query(&[
        ("limit", "7"),
        ("offset", "3"),
        ("fuzzymatching", "true"),
        ("includefield", "00081030,StudyID"),
        ("includefield", "all"),
    ])
    .unwrap();
    assert_eq!((query.limit, query.offset, query.fuzzy, query.all_fields), (7, 3, true, true));
    assert_eq!(query.fields, [tags::STUDY_DESCRIPTION, tags::STUDY_ID]);
}

#[test]
fn what_is_no_query_is_refused() {
    for (pair, why) in [
        (("PatientNmae", "x"), QueryRefusal::Attribute),
        (("limit", "-1"), QueryRefusal::Number),
        (("offset", "1; DROP TABLE"), QueryRefusal::Number),
        (("includefield", "nothing"), QueryRefusal::Attribute),
    ] {
        assert_eq!(query(&[pair]).err(), Some(why));
    }
    let many = vec![("PatientID", "x"); 100];
    assert!(query(&many).is_ok());
}

#[test]
fn an_answer_has_what_its_level_has() {
    let metadata = metadata();
    let entry = Entry { metadata: &metadata, made: Vec::new() };
    let has = |around: &Around, pairs: &[(&str, &str)], tag| {
        answer(around, &query(pairs).unwrap(), &entry).get(&json::name(tag)).is_some()
    };
    let study = Around { level: Level::Study, in_study: false, in_series: false };
    assert!(has(&study, &[], tags::PATIENT_NAME) && !has(&study, &[], tags::ROWS));
    assert!(!has(&study, &[], tags::STUDY_DESCRIPTION));
    assert!(has(&study, &[("includefield", "StudyDescription")], tags::STUDY_DESCRIPTION));
    assert!(has(&study, &[("includefield", "all")], tags::STUDY_DESCRIPTION));
    assert!(!has(&study, &[("includefield", "all")], tags::ROWS));
    let series = Around { level: Level::Series, in_study: true, in_series: false };
    assert!(has(&series, &[], tags::MODALITY) && !has(&series, &[], tags::PATIENT_NAME));
    let everywhere = Around { level: Level::Instance, in_study: false, in_series: false };
    assert!(has(&everywhere, &[], tags::ROWS) && has(&everywhere, &[], tags::PATIENT_ID));
}
