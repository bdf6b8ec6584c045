use autoclave_ledger::{Decision, Event};
use autoclave_record::{Resource, ResourceKind, Role};
use http::StatusCode;
use serde_json::Value;

use crate::fixtures::{Client, Hospital};

/// Paths of every kind of thing about one diagnosed patient.
async fn paths(hospital: &Hospital, clerk: &Client) -> Vec<String> {
    let study = hospital.admit(clerk, "one").await;
    let answer = hospital.post(clerk, &format!("/imaging-studies/{study}/diagnosis")).await.json();
    let line = hospital.get(clerk, "/patients").await.json()["patients"][0].clone();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = [
        (ResourceKind::Patient, id(&line["patient"]["id"])),
        (ResourceKind::Encounter, id(&line["encounter"])),
        (ResourceKind::ServiceRequest, id(&line["service_request"])),
        (ResourceKind::ImagingStudy, study.clone()),
        (ResourceKind::Observation, id(&answer["observation"]["id"])),
        (ResourceKind::DiagnosticReport, id(&answer["report"]["id"])),
        (ResourceKind::Provenance, id(&answer["provenance"]["id"])),
    ];
    let mut paths: Vec<_> = ids.iter().map(|(kind, id)| format!("/fhir/{kind}/{id}")).collect();
    paths.push(format!("/imaging-studies/{study}/image"));
    paths.push(format!("/imaging-studies/{study}/mask"));
    paths
}

#[tokio::test]
async fn a_clinician_reads_every_resource() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let clinician = hospital.at_work("eve", "clinician").await;
    for path in &paths(&hospital, &clerk).await[..7] {
        let reply = hospital.get(&clinician, path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert_eq!(reply.headers["content-type"], Resource::MEDIA_TYPE);
        assert_eq!(reply.headers["etag"], "W/\"1\"");
        let resource = Resource::from_slice(&reply.body).unwrap();
        assert_eq!(format!("/fhir/{}", resource.reference()), *path);
    }
}

#[tokio::test]
async fn every_other_role_reads_nothing_and_learns_nothing() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let mut paths = paths(&hospital, &clerk).await;
    paths.push("/fhir/Patient/6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f".to_owned());
    paths.push("/fhir/Account/x".to_owned());
    for role in Role::ALL.iter().filter(|role| **role != Role::Clinician) {
        let client = hospital.at_work(&format!("a.{role}").replace('_', "-"), role.code()).await;
        for path in &paths {
            let reply = hospital.get(&client, path).await;
            assert_eq!(
                (reply.status, reply.code()),
                (StatusCode::FORBIDDEN, "permission.refused".into())
            );
        }
    }
}

#[tokio::test]
async fn unknown_records_are_not_found() {
    let hospital = Hospital::new();
    let clinician = hospital.at_work("eve", "clinician").await;
    let unknown = "6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f";
    for path in [
        format!("/fhir/Patient/{unknown}"),
        "/fhir/Patient/x".to_owned(),
        format!("/fhir/Account/{unknown}"),
        format!("/imaging-studies/{unknown}/image"),
        "/imaging-studies/x/mask".to_owned(),
    ] {
        let reply = hospital.get(&clinician, &path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::NOT_FOUND, "record.not_found".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_access_is_a_line_about_a_pseudonym() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let clinician = hospital.at_work("eve", "clinician").await;
    let paths = paths(&hospital, &clerk).await;
    let before = hospital.events().len();
    for path in &paths {
        hospital.get(&clinician, path).await;
        hospital.get(&clerk, path).await;
    }
    let lines = hospital.events().split_off(before);
    assert_eq!(lines.len(), 2 * paths.len());
    let mut subjects = Vec::new();
    for (path, pair) in paths.iter().zip(lines.chunks_exact(2)) {
        let [
            Event::Access { decision, subject, purpose, rules, .. },
            Event::Access { decision: refused, .. },
        ] = pair
        else {
            panic!("not an access: {pair:?}");
        };
        assert_eq!((*decision, *refused), (Decision::Granted, Decision::Refused));
        assert_eq!(purpose.as_ref().unwrap().as_str(), "TREAT");
        assert_eq!(rules[0].as_str(), "clinician-care");
        // A Provenance is in nobody's compartment: it names the resources, not the patient.
        assert_eq!(subject.is_none(), path.starts_with("/fhir/Provenance/"), "{path}");
        subjects.extend(subject.clone());
    }
    subjects.dedup();
    assert_eq!(subjects.len(), 1, "one patient has one pseudonym");
}

#[tokio::test]
async fn neither_ledger_nor_disk_knows_the_patient() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada.lovelace", "clerk").await;
    let clinician = hospital.at_work("eve.moreau", "clinician").await;
    let paths = paths(&hospital, &clerk).await;
    for path in &paths {
        hospital.get(&clinician, path).await;
    }
    let patient = paths[0].rsplit('/').next().unwrap().to_owned();
    let ledger = serde_json::to_vec(&hospital.events()).unwrap();
    for bytes in [ledger, hospital.disk()] {
        let text = String::from_utf8_lossy(&bytes);
        for needle in ["Okafor", "1984-03-02", "MRN-0042", "lovelace", "moreau", patient.as_str()] {
            assert!(!text.contains(needle), "{needle}");
        }
    }
}

#[tokio::test]
async fn a_read_without_its_line_answers_nothing() {
    use std::sync::atomic::Ordering;
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let clinician = hospital.at_work("eve", "clinician").await;
    let paths = paths(&hospital, &clerk).await;
    hospital.outside.ledger_is_broken.store(true, Ordering::SeqCst);
    for path in paths.iter().chain(["/patients".to_owned()].iter()) {
        let reply = hospital.get(&clinician, path).await;
        assert!(["internal", "access.unrecorded"].contains(&reply.code().as_str()), "{path}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("Okafor"));
    }
}
