use http::StatusCode;
use serde_json::Value;

use crate::fixtures::{Hospital, Tamper, png};

fn path(study: &str) -> String {
    format!("/imaging-studies/{study}/diagnosis")
}

#[tokio::test]
async fn a_diagnosis_is_filed_with_its_receipt() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    let reply = hospital.post(&clerk, &path(&study)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.code());
    let answer = reply.json();
    assert_eq!(answer["result"]["findings"]["pixels"], 812);
    assert_eq!(answer["report"]["imagingStudy"][0]["reference"], format!("ImagingStudy/{study}"));
    let receipt = answer["receipt"].as_str().unwrap();
    assert_eq!(answer["report"]["extension"][0]["valueString"], receipt);
    assert!(answer["token"].is_string() && answer["ledger"]["checkpoint"].is_string());
    assert!(answer["jwks"].is_object() && answer["attestor"] == "evidence");
    let list = hospital.get(&clerk, "/patients").await.json();
    assert_eq!(list["patients"][0]["report"], answer["report"]["id"]);
}

#[tokio::test]
async fn asking_again_gives_what_was_filed() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    let path = path(&study);
    let (one, two) = futures::join!(hospital.post(&clerk, &path), hospital.post(&clerk, &path));
    assert_eq!(one.status, StatusCode::OK);
    assert_eq!(one.body, two.body);
    let hospital = hospital.restarted();
    assert_eq!(hospital.post(&clerk, &path).await.body, one.body);
    assert_eq!(hospital.asked(), 1);
}

#[tokio::test]
async fn nothing_is_filed_that_does_not_agree_with_its_receipt() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    let cases = [
        (Tamper::OtherImage, "diagnosis.answer_refused"),
        (Tamper::OtherResult, "diagnosis.answer_refused"),
        (Tamper::OtherModel, "diagnosis.answer_refused"),
        (Tamper::StrangersKey, "diagnosis.answer_refused"),
        (Tamper::OtherLine, "diagnosis.answer_refused"),
        (Tamper::BrokenProof, "diagnosis.answer_refused"),
        (Tamper::MaskOfAnotherType, "diagnosis.answer_refused"),
        (Tamper::NotJson, "diagnosis.answer_refused"),
        (Tamper::StrangersToken, "internal"),
        (Tamper::Fails, "diagnosis.failed"),
    ];
    for (tamper, code) in cases {
        hospital.tamper(tamper);
        let reply = hospital.post(&clerk, &path(&study)).await;
        assert_eq!(reply.code(), code, "{tamper:?}");
        assert!(reply.status.is_server_error());
        assert!(!String::from_utf8_lossy(&reply.body).contains("Okafor"));
    }
    let list = hospital.get(&clerk, "/patients").await.json();
    assert_eq!(list["patients"][0]["report"], Value::Null);
    hospital.tamper(Tamper::Honest);
    assert_eq!(hospital.post(&clerk, &path(&study)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_wrong_with_an_image_is_passed_on() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    hospital.tamper(Tamper::ImageRefused);
    let reply = hospital.post(&clerk, &path(&study)).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "image.too_small".into())
    );
}

#[tokio::test]
async fn an_unknown_study_is_not_found() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    for study in ["6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f", "x"] {
        let reply = hospital.post(&clerk, &path(study)).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::NOT_FOUND, "record.not_found".into())
        );
    }
    assert_eq!(hospital.asked(), 0);
}

#[tokio::test]
async fn image_and_mask_are_read_back_by_a_clinician() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let clinician = hospital.at_work("eve", "clinician").await;
    let study = hospital.admit(&clerk, "one").await;
    let mask = format!("/imaging-studies/{study}/mask");
    assert_eq!(hospital.get(&clinician, &mask).await.code(), "record.not_found");
    hospital.post(&clinician, &path(&study)).await;
    for path in [mask, format!("/imaging-studies/{study}/image")] {
        let reply = hospital.get(&clinician, &path).await;
        assert_eq!((reply.status, reply.body), (StatusCode::OK, png()));
        assert_eq!(reply.headers["content-type"], "image/png");
        assert_eq!(hospital.get(&clerk, &path).await.code(), "permission.refused");
    }
}
