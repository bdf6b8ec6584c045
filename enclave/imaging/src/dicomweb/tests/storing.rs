use std::sync::atomic::Ordering;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use http::StatusCode;

use super::scene::{Scene, TENANT, caller};
use crate::dicomweb::{Identities, Settings};
use crate::instance::samples::{self, ONE, Of};

fn of(instance: &'static str) -> Of<'static> {
    Of { instance, ..ONE }
}

fn reasons(answer: &super::scene::Answered) -> Vec<u64> {
    let json = answer.json();
    let failed = json["00081198"]["Value"].as_array().cloned().unwrap_or_default();
    let other = json["0008119A"]["Value"].as_array().cloned().unwrap_or_default();
    let all = failed.iter().chain(&other);
    all.map(|item| item["00081197"]["Value"][0].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_is_stored_is_listed_in_its_imaging_study_in_one_version() {
    let scene = Scene::new();
    let files: Vec<_> =
        ["2.25.1.1.1", "2.25.1.1.2"].map(|uid| samples::plain(samples::image(of(uid)))).into();
    let answer = scene.stow("studies", &files).await;
    assert_eq!(answer.status, StatusCode::OK);
    let json = answer.json();
    assert_eq!(json["00081199"]["Value"].as_array().unwrap().len(), 2);
    let studies = scene.all("ImagingStudy");
    let [study] = &studies[..] else { panic!("one study") };
    assert_eq!(study["numberOfInstances"], 2);
    assert_eq!(study["numberOfSeries"], 1);
    assert_eq!(study["subject"]["reference"], "Patient/p1");
    assert_eq!(study["modality"][0]["code"], "MR");
    assert_eq!(study["started"], "2026-03-14");
    assert_eq!(study["identifier"][0]["value"], "urn:oid:2.25.1");
    assert_eq!(study["identifier"][1]["value"], "ACC-7");
    assert_eq!(study["meta"]["versionId"], "1");
    let provenance = &scene.all("Provenance")[0];
    assert_eq!(provenance["agent"][0]["who"]["reference"], "Practitioner/1");
    let lines = scene.guard.lines.lock().unwrap();
    assert_eq!((lines.len(), lines[0].count, lines[0].subjects.len()), (1, 2, 1));
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_takes_no_room() {
    let scene = Scene::new();
    let file = samples::plain(samples::image(ONE));
    scene.stow("studies", std::slice::from_ref(&file)).await;
    let kept = scene.blobs.bytes();
    let again = scene.stow("studies/2.25.1", &[file.clone(), file]).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(scene.blobs.bytes(), kept);
    assert_eq!(scene.all("ImagingStudy")[0]["meta"]["versionId"], "1");
}

#[tokio::test]
async fn another_file_under_the_same_uid_is_refused_and_the_first_stays() {
    let scene = Scene::new();
    let first = samples::plain(samples::image(ONE));
    scene.stow("studies", std::slice::from_ref(&first)).await;
    let mut other = samples::image(ONE);
    samples::text(&mut other, tags::SERIES_DESCRIPTION, VR::LO, "changed");
    let answer = scene.stow("studies", &[samples::plain(other)]).await;
    assert_eq!((answer.status, reasons(&answer)), (StatusCode::CONFLICT, vec![0x0111]));
    let path = "studies/2.25.1/series/2.25.1.1/instances/2.25.1.1.1";
    assert_eq!(scene.get(path, "application/dicom").await.body, first);
}

#[tokio::test]
async fn what_fails_is_told_one_by_one_and_the_others_are_stored() {
    let scene = Scene::new();
    scene.patient("p2", "MRN-2");
    let image = |of: Of<'_>| samples::plain(samples::image(of));
    let mut cut = image(of("2.25.1.1.5"));
    cut.truncate(cut.len() - 10);
    let files = [
        image(ONE),
        cut,
        image(Of { patient: "NOBODY", study: "2.25.2", ..ONE }),
        image(Of { patient: "MRN-2", series: "2.25.9", instance: "2.25.9.1", ..ONE }),
        samples::file(samples::image(of("2.25.1.1.6")), "1.2.840.10008.1.2.1.99"),
    ];
    let answer = scene.stow("studies", &files).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let mut reasons = reasons(&answer);
    reasons.sort_unstable();
    assert_eq!(reasons, [0xc000, 0xc122, 0xc402, 0xc404]);
    assert_eq!(answer.json()["00081199"]["Value"].as_array().unwrap().len(), 1);
    assert_eq!(scene.all("ImagingStudy").len(), 1);
}

#[tokio::test]
async fn a_study_or_series_is_never_in_two_places() {
    let scene = Scene::new();
    let image = |of: Of<'_>| samples::plain(samples::image(of));
    scene.stow("studies", &[image(ONE)]).await;
    for elsewhere in [
        Of { study: "2.25.2", ..ONE },
        Of { study: "2.25.2", instance: "2.25.2.1.1", ..ONE },
        Of { series: "2.25.1.2", ..ONE },
    ] {
        let answer = scene.stow("studies", &[image(elsewhere)]).await;
        assert_eq!(reasons(&answer), [0xc404]);
    }
    let other = image(Of { study: "2.25.3", series: "2.25.3.1", instance: "2.25.3.1.1", ..ONE });
    let answer = scene.stow("studies/2.25.1", &[other]).await;
    assert_eq!(reasons(&answer), [0xa900]);
}

#[tokio::test]
async fn demographics_that_contradict_the_record_are_a_warning() {
    let scene = Scene::new();
    let mut object = samples::image(ONE);
    samples::text(&mut object, tags::PATIENT_BIRTH_DATE, VR::DA, "19800102");
    let answer = scene.stow("studies", &[samples::plain(object)]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["00081199"]["Value"][0]["00081196"]["Value"][0], 0xb0f1);
}

#[tokio::test]
async fn an_image_of_two_possible_patients_is_nobodys_and_of_none_makes_one_where_configured() {
    let scene = Scene::new();
    scene.put(
        "p9",
        r#"{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"MRN-1"}]}"#,
    );
    let file = samples::plain(samples::image(ONE));
    assert_eq!(reasons(&scene.stow("studies", std::slice::from_ref(&file)).await), [0xc403]);
    let identities =
        Identities { system: Some("urn:mrn".to_owned()), creates: true, ..Identities::default() };
    let scene = Scene::with(Settings { identities, ..Settings::default() });
    for _ in 0..2 {
        assert_eq!(scene.stow("studies", std::slice::from_ref(&file)).await.status, StatusCode::OK);
    }
    let patients = scene.all("Patient");
    assert_eq!(patients.len(), 1);
    assert_eq!(patients[0]["identifier"][0]["system"], "urn:mrn");
    assert_eq!(patients[0]["name"][0]["family"], "Muster");
}

#[tokio::test]
async fn an_imaging_study_that_was_there_keeps_what_its_author_wrote() {
    let scene = Scene::new();
    scene.put("s1", r#"{"resourceType":"ImagingStudy","status":"registered","note":[{"text":"ordered"}],"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:2.25.1"}],"subject":{"reference":"Patient/p1"}}"#);
    let file = samples::plain(samples::image(ONE));
    assert_eq!(scene.stow("studies", &[file]).await.status, StatusCode::OK);
    let studies = scene.all("ImagingStudy");
    assert_eq!((studies.len(), &studies[0]["id"]), (1, &"s1".into()));
    assert_eq!(studies[0]["note"][0]["text"], "ordered");
    assert_eq!(studies[0]["numberOfInstances"], 1);
    assert_eq!(studies[0]["meta"]["versionId"], "2");
}

#[tokio::test]
async fn a_refusal_by_the_rules_leaves_a_line_and_nothing_else() {
    let scene = Scene::new();
    scene.guard.refuses.store(true, Ordering::Relaxed);
    let answer = scene.stow("studies", &[samples::plain(samples::image(ONE))]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let lines = scene.guard.lines.lock().unwrap();
    assert!(lines.len() == 1 && !lines[0].granted);
    assert_eq!(scene.blobs.bytes(), 0);
}

#[tokio::test]
async fn an_app_of_one_patient_stores_for_nobody_else() {
    let scene = Scene::new();
    scene.patient("p2", "MRN-2");
    let mut confined = caller();
    confined.patient = Some("p2".to_owned());
    let file = samples::plain(samples::image(ONE));
    let answer = scene.stow_as(&confined, "studies", &[file]).await;
    assert_eq!(reasons(&answer), [0x0124]);
    assert_eq!(caller().tenant, TENANT);
}

#[tokio::test]
async fn bodies_that_are_no_dicom_in_parts_are_refused_as_a_whole() {
    let scene = Scene::new();
    let mut headers = http::HeaderMap::new();
    for (media, body, status, code) in [
        ("application/dicom", "", 415, "imaging.media_type"),
        ("multipart/related; type=\"text/xml\"; boundary=b", "", 415, "imaging.media_type"),
        ("multipart/related; type=\"application/dicom\"", "", 400, "imaging.multipart_malformed"),
        (
            "multipart/related; type=\"application/dicom\"; boundary=b",
            "--b",
            400,
            "imaging.body_cut",
        ),
        (
            "multipart/related; type=\"application/dicom\"; boundary=b",
            "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
            415,
            "imaging.media_type",
        ),
    ] {
        headers.insert(http::header::CONTENT_TYPE, media.parse().unwrap());
        let body = body.as_bytes().to_vec();
        let answer =
            scene.send(&caller(), http::Method::POST, "studies", headers.clone(), body).await;
        assert_eq!(answer.status.as_u16(), status, "{media}");
        assert_eq!(answer.json()["code"], code, "{media}");
    }
}

#[tokio::test]
async fn an_instance_that_is_too_large_is_refused_before_it_is_held() {
    let scene = Scene::with(Settings { instance_bytes_max: 2000, ..Settings::default() });
    scene.patient("p1", "MRN-1");
    let answer = scene.stow("studies", &[samples::plain(samples::frames(ONE, 9))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let scene = Scene::with(Settings { memory_bytes_max: 1, ..Settings::default() });
    scene.patient("p1", "MRN-1");
    let frames = 3 * 1024 * 1024 / samples::grey(1).len();
    let answer = scene.stow("studies", &[samples::plain(samples::frames(ONE, frames))]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}
