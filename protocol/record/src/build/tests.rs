use autoclave_base::Digest;
use autoclave_base::ids::{
    DiagnosticReportId, EncounterId, ImagingStudyId, ObservationId, PatientId, ProvenanceId,
    ServiceRequestId, StaffId,
};
use base64::Engine as _;

use super::*;
use crate::{PatientIntake, Resource};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const RECEIPT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJkaWFnbm9zaXMifQ.c2ln";

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(last: u8) -> T {
    format!("6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e{last:02x}").parse().unwrap()
}

fn admission_ids() -> AdmissionIds {
    AdmissionIds {
        patient: id::<PatientId>(1),
        encounter: id::<EncounterId>(2),
        service_request: id::<ServiceRequestId>(3),
        imaging_study: id::<ImagingStudyId>(4),
    }
}

fn admitted(json: &str, content_type: &'static str) -> [Resource; 4] {
    let intake = PatientIntake::parse(json.as_bytes(), NOW).ok().unwrap();
    let image = Image { content_type, digest: Digest::of("image") };
    let admission = Admission {
        ids: admission_ids(),
        intake: &intake,
        image: &image,
        clerk: id::<StaffId>(5),
        purpose: Purpose::Treatment,
        now: NOW,
    };
    admission.resources().unwrap()
}

fn result(finding: Finding) -> [Resource; 3] {
    let result = Diagnosis {
        ids: ResultIds {
            observation: id::<ObservationId>(6),
            report: id::<DiagnosticReportId>(7),
            provenance: id::<ProvenanceId>(8),
        },
        of: admission_ids(),
        finding,
        inference: Inference {
            model: "brain-mri",
            model_digest: Digest::of("model"),
            engine: "rten 0.27",
            workload: "diagnosis",
            policy: Digest::of("policy"),
            receipt: RECEIPT,
            at: NOW.minus(1),
        },
        mask_bytes: 120,
        asker: id::<StaffId>(5),
        purpose: Purpose::Treatment,
        now: NOW,
    };
    result.resources().unwrap()
}

const FOUND: Finding = Finding { pixels: 812, area_mm2: Some(733.25), probability_max: 0.998 };

#[test]
fn an_admission_refers_to_itself_only() {
    let resources =
        admitted(r#"{"family":"Okafor","given":"Ada","birthDate":"1984-03-02"}"#, "image/png");
    let kinds: Vec<_> = resources.iter().map(Resource::kind).collect();
    assert_eq!(kinds, ResourceKind::ALL[..4]);
    let patient = resources[0].reference();
    for other in &resources[1..] {
        assert_eq!(other.expose()["subject"]["reference"], patient);
        assert_eq!(other.version(), 1);
    }
    assert_eq!(resources[3].expose()["basedOn"][0]["reference"], resources[2].reference());
}

#[test]
fn a_patient_says_what_was_typed_and_no_more() {
    let [patient, ..] = admitted(r#"{"family":"Okafor"}"#, "image/png");
    let body = patient.expose();
    assert_eq!(body["name"], json!([{"use": "usual", "family": "Okafor"}]));
    assert_eq!(body["gender"], "unknown");
    assert!(body.get("birthDate").is_none() && body.get("identifier").is_none());
    let [patient, ..] = admitted(r#"{"family":"Okafor","identifier":"7"}"#, "image/png");
    assert_eq!(patient.expose()["identifier"][0]["system"], crate::coding::LOCAL_SYSTEM);
}

#[test]
fn the_study_names_image_and_class() {
    let [.., study] = admitted(r#"{"family":"Okafor"}"#, "application/dicom");
    let instance = &study.expose()["series"][0]["instance"][0];
    assert_eq!(instance["sopClass"]["code"], "urn:oid:1.2.840.10008.5.1.4.1.1.4");
    assert_eq!(instance["extension"][0]["valueString"], Digest::of("image").to_string());
    let uid = instance["uid"].as_str().unwrap();
    assert!(uid.starts_with("2.25.") && uid.len() <= 64, "{uid}");
    let [.., study] = admitted(r#"{"family":"Okafor"}"#, "image/png");
    let instance = &study.expose()["series"][0]["instance"][0];
    assert_eq!(instance["sopClass"]["code"], "urn:oid:1.2.840.10008.5.1.4.1.1.7");
}

#[test]
fn a_uid_is_the_uuid_as_a_decimal() {
    assert_eq!(dicom_uid("00000000-0000-0000-0000-0000000000ff"), "2.25.255");
}

#[test]
fn a_result_is_preliminary_and_points_back() {
    let [observation, report, _] = result(FOUND);
    for resource in [&observation, &report] {
        assert_eq!(resource.expose()["status"], "preliminary");
        assert_eq!(
            resource.expose()["basedOn"][0]["reference"],
            "ServiceRequest/6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e03"
        );
    }
    assert_eq!(report.expose()["result"][0]["reference"], observation.reference());
    assert_eq!(observation.expose()["valueBoolean"], true);
    assert_eq!(observation.expose()["component"].as_array().unwrap().len(), 3);
    assert_eq!(report.expose()["extension"][0]["valueString"], RECEIPT);
}

#[test]
fn nothing_found_is_said_in_words() {
    let [observation, report, _] = result(Finding { pixels: 0, area_mm2: None, ..FOUND });
    assert_eq!(observation.expose()["valueBoolean"], false);
    assert_eq!(observation.expose()["component"].as_array().unwrap().len(), 2);
    assert!(report.expose()["conclusion"].as_str().unwrap().contains("no FLAIR abnormality"));
}

#[test]
fn provenance_carries_the_receipt_as_signature() {
    let [observation, report, provenance] = result(FOUND);
    let body = provenance.expose();
    assert_eq!(body["target"][0]["reference"], report.reference());
    assert_eq!(body["target"][1]["reference"], observation.reference());
    let data = body["signature"][0]["data"].as_str().unwrap();
    let data = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    assert_eq!(data, RECEIPT.as_bytes());
    assert_eq!(body["entity"][1]["what"]["identifier"]["value"], Digest::of("model").to_string());
    assert_eq!(body["reason"][0]["coding"][0]["code"], "TREAT");
}

#[test]
fn a_finding_that_is_no_number_is_refused() {
    let result = Diagnosis {
        ids: ResultIds { observation: id(6), report: id(7), provenance: id(8) },
        of: admission_ids(),
        finding: Finding { probability_max: f64::NAN, ..FOUND },
        inference: Inference {
            model: "m",
            model_digest: Digest::of("model"),
            engine: "e",
            workload: "w",
            policy: Digest::of("policy"),
            receipt: RECEIPT,
            at: NOW,
        },
        mask_bytes: 1,
        asker: id(5),
        purpose: Purpose::Treatment,
        now: NOW,
    };
    assert_eq!(result.resources().err(), Some(crate::ResourceRefusal::Shape("value")));
}
