use http::StatusCode;
use serde_json::Value;

use super::scene::{Answered, BASE, Scene, caller};
use crate::instance::samples::{self, Of};
use dicom_core::VR;
use dicom_dictionary_std::tags;

/// Two patients; the first with two studies, one of them of two series.
async fn scene() -> Scene {
    let scene = Scene::new();
    scene.patient("p2", "MRN-2");
    let mut files = Vec::new();
    for (patient, study, series, instance, modality, day) in [
        ("MRN-1", "2.25.1", "2.25.1.1", "2.25.1.1.1", "MR", "20260314"),
        ("MRN-1", "2.25.1", "2.25.1.1", "2.25.1.1.2", "MR", "20260314"),
        ("MRN-1", "2.25.1", "2.25.1.2", "2.25.1.2.1", "SR", "20260314"),
        ("MRN-1", "2.25.2", "2.25.2.1", "2.25.2.1.1", "CT", "20260401"),
        ("MRN-2", "2.25.3", "2.25.3.1", "2.25.3.1.1", "CT", "20260501"),
    ] {
        let mut object = samples::image(Of { patient, study, series, instance });
        samples::text(&mut object, tags::MODALITY, VR::CS, modality);
        samples::text(&mut object, tags::STUDY_DATE, VR::DA, day);
        let accession = format!("A{study}");
        samples::text(&mut object, tags::ACCESSION_NUMBER, VR::SH, &accession);
        files.push(samples::plain(object));
    }
    let answer = scene.stow("studies", &files).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
    scene
}

fn values(answer: &Answered, tag: &str) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.media_type(), "application/dicom+json");
    let json = answer.json();
    let of = |one: &Value| one[tag]["Value"][0].as_str().unwrap_or_default().to_owned();
    let mut values: Vec<_> = json.as_array().unwrap().iter().map(of).collect();
    values.sort();
    values
}

#[tokio::test]
async fn studies_are_found_by_every_required_attribute() {
    let scene = scene().await;
    for (query, expected) in [
        ("", &["2.25.1", "2.25.2", "2.25.3"][..]),
        ("StudyInstanceUID=2.25.1,2.25.3", &["2.25.1", "2.25.3"]),
        ("0020000D=2.25.2", &["2.25.2"]),
        ("PatientID=MRN-1", &["2.25.1", "2.25.2"]),
        ("PatientID=MRN-*", &["2.25.1", "2.25.2", "2.25.3"]),
        ("PatientID=MRN-3", &[]),
        ("PatientName=muster*&StudyDate=20260315-", &["2.25.2", "2.25.3"]),
        ("PatientName=Else*", &[]),
        ("StudyDate=20260401", &["2.25.2"]),
        ("StudyDate=20260301-20260402", &["2.25.1", "2.25.2"]),
        ("StudyTime=0900-0930", &["2.25.1", "2.25.2", "2.25.3"]),
        ("AccessionNumber=A2.25.3", &["2.25.3"]),
        ("AccessionNumber=A2.25.?", &["2.25.1", "2.25.2", "2.25.3"]),
        ("ModalitiesInStudy=SR", &["2.25.1"]),
        ("ModalitiesInStudy=CT", &["2.25.2", "2.25.3"]),
        ("Modality=MR", &["2.25.1"]),
        ("ReferringPhysicianName=DOCTOR*", &["2.25.1", "2.25.2", "2.25.3"]),
        ("StudyID=S1&PatientSex=F", &["2.25.1", "2.25.2", "2.25.3"]),
        ("SeriesInstanceUID=2.25.1.2", &["2.25.1"]),
        ("SOPInstanceUID=2.25.3.1.1", &["2.25.3"]),
        ("NumberOfStudyRelatedInstances=3", &["2.25.1"]),
        ("limit=1&offset=1", &["2.25.2"]),
        ("PatientID=MRN-1%27%20OR%201=1--", &[]),
    ] {
        let answer = scene.get(&format!("studies?{query}"), "application/dicom+json").await;
        assert_eq!(values(&answer, "0020000D"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_study_tells_of_its_modalities_counts_and_address() {
    let scene = scene().await;
    let answer =
        scene.get("studies?StudyInstanceUID=2.25.1&includefield=StudyDescription", "").await;
    let study = &answer.json()[0];
    assert_eq!(study["00080061"]["Value"], serde_json::json!(["MR", "SR"]));
    assert_eq!(study["00201206"]["Value"][0], 2);
    assert_eq!(study["00201208"]["Value"][0], 3);
    assert_eq!(study["00081190"]["Value"][0], format!("{BASE}/studies/2.25.1"));
    assert_eq!(study["00081030"]["Value"][0], "Brain MR");
    assert_eq!(study["00100010"]["Value"][0]["Alphabetic"], "Muster^Anna");
    assert_eq!(study["00080056"]["Value"][0], "ONLINE");
}

#[tokio::test]
async fn series_and_instances_are_found_in_their_study_and_everywhere() {
    let scene = scene().await;
    for (path, tag, expected) in [
        ("studies/2.25.1/series", "0020000E", &["2.25.1.1", "2.25.1.2"][..]),
        ("studies/2.25.1/series?Modality=SR", "0020000E", &["2.25.1.2"]),
        ("series?Modality=CT", "0020000E", &["2.25.2.1", "2.25.3.1"]),
        ("series?SeriesInstanceUID=2.25.3.1", "00100020", &["MRN-2"]),
        ("studies/2.25.1/instances", "00080018", &["2.25.1.1.1", "2.25.1.1.2", "2.25.1.2.1"]),
        ("studies/2.25.1/series/2.25.1.1/instances", "00080018", &["2.25.1.1.1", "2.25.1.1.2"]),
        ("instances?SOPInstanceUID=2.25.2.1.1", "0020000D", &["2.25.2"]),
        ("instances?PatientID=MRN-2", "00080018", &["2.25.3.1.1"]),
        ("studies/2.25.9/series", "0020000E", &[]),
    ] {
        let answer = scene.get(path, "application/json").await;
        assert_eq!(values(&answer, tag), expected, "{path}");
    }
}

#[tokio::test]
async fn fuzzy_matching_and_cut_answers_are_said_by_a_warning() {
    let scene = scene().await;
    let answer = scene.get("studies?fuzzymatching=true&limit=2", "").await;
    let warnings: Vec<_> = answer.headers.get_all("warning").iter().collect();
    assert_eq!(warnings.len(), 2);
    let answer = scene.get("studies?limit=3", "").await;
    assert!(answer.headers.get("warning").is_none());
}

#[tokio::test]
async fn queries_that_are_none_have_their_codes() {
    let scene = Scene::new();
    for (path, accept, status, code) in [
        ("studies?PatientNmae=x", "", 400, "imaging.attribute_unknown"),
        ("studies?limit=x", "", 400, "imaging.limit_malformed"),
        ("studies", "application/dicom+xml", 406, "imaging.not_acceptable"),
        ("studies/1.a/series", "", 400, "imaging.path_malformed"),
        ("patients", "", 404, "imaging.not_found"),
    ] {
        let answer = scene.get(path, accept).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (status, Some(code)));
    }
}

#[tokio::test]
async fn an_app_of_one_patient_and_another_institution_meet_nobody_elses_studies() {
    let scene = scene().await;
    let mut confined = caller();
    confined.patient = Some("p2".to_owned());
    let answer = scene.get_as(&confined, "studies", "").await;
    assert_eq!(values(&answer, "0020000D"), ["2.25.3"]);
    let hidden = scene.get_as(&confined, "studies/2.25.1/metadata", "").await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    let mut elsewhere = caller();
    elsewhere.tenant = autoclave_records::Tenant(2);
    assert_eq!(values(&scene.get_as(&elsewhere, "studies", "").await, "0020000D").len(), 0);
}

#[tokio::test]
async fn a_patient_who_denies_is_found_by_no_search_and_no_address() {
    let scene = scene().await;
    let consent = scene.put("c1", r#"{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/p2"},"dateTime":"2026-01-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}]},"provision":{"type":"deny"}}"#);
    let mut touched = autoclave_records::visible::Touched::default();
    touched.note(&consent);
    scene.consents.refresh(super::scene::TENANT, &touched).unwrap();
    assert_eq!(values(&scene.get("studies", "").await, "0020000D"), ["2.25.1", "2.25.2"]);
    for path in [
        "studies/2.25.3",
        "studies/2.25.3/metadata",
        "studies/2.25.3/series/2.25.3.1/instances/2.25.3.1.1/frames/1",
        "studies/2.25.3/rendered",
    ] {
        assert_eq!(scene.get(path, "*/*").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(values(&scene.get("instances?PatientID=MRN-2", "").await, "00080018").len(), 0);
}
