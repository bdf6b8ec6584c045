use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use http::{StatusCode, header};
use serde_json::Value;

use crate::fixtures::{ADA, Hospital, form, png};

async fn patients(hospital: &Hospital, client: &crate::fixtures::Client) -> usize {
    let reply = hospital.get(client, "/patients").await;
    reply.json()["patients"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_patient_is_on_the_work_list() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let study = hospital.admit(&clerk, "one").await;
    let reply = hospital.get(&clerk, "/patients").await;
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    let line = &reply.json()["patients"][0];
    assert_eq!(line["imaging_study"], study);
    assert_eq!(line["patient"]["name"][0]["family"], "Okafor");
    assert_eq!(line["admitted_at"], "2026-11-18T11:06:40Z");
    assert_eq!(line["report"], Value::Null);
}

#[tokio::test]
async fn a_repeated_request_makes_no_second_patient() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let first = hospital.intake(&clerk, "one", ADA, &png()).await;
    let again = hospital.intake(&clerk, "one", ADA, &png()).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    let hospital = hospital.restarted();
    let after = hospital.intake(&clerk, "one", ADA, &png()).await;
    assert_eq!((after.status, after.json()), (first.status, first.json()));
    assert_eq!(patients(&hospital, &clerk).await, 1);
}

#[tokio::test]
async fn two_clicks_at_once_make_one_patient() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let image = png();
    let click = || hospital.intake(&clerk, "one", ADA, &image);
    let (one, two, three) = futures::join!(click(), click(), click());
    assert_eq!(one.status, StatusCode::CREATED);
    assert!(one.json() == two.json() && two.json() == three.json());
    assert_eq!(patients(&hospital, &clerk).await, 1);
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    hospital.admit(&clerk, "one").await;
    for (patient, image) in [(r#"{"family":"Li"}"#, png()), (ADA, [png(), vec![1]].concat())] {
        let reply = hospital.intake(&clerk, "one", patient, &image).await;
        assert_eq!(
            (reply.status, reply.code()),
            (StatusCode::CONFLICT, "intake.key_reused".into())
        );
    }
    assert_eq!(patients(&hospital, &clerk).await, 1);
    let other = hospital.at_work("bob", "clerk").await;
    let reply = hospital.intake(&other, "one", r#"{"family":"Li"}"#, &png()).await;
    assert_eq!(reply.status, StatusCode::CREATED);
}

#[tokio::test]
async fn no_line_no_patient() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    hospital.outside.ledger_is_broken.store(true, Ordering::SeqCst);
    let reply = hospital.intake(&clerk, "one", ADA, &png()).await;
    assert_eq!(
        (reply.status, reply.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal".into())
    );
    hospital.outside.ledger_is_broken.store(false, Ordering::SeqCst);
    assert_eq!(patients(&hospital, &clerk).await, 0);
}

#[tokio::test]
async fn the_head_must_be_whole() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let (content_type, body) = form(ADA, &png(), "image/png");
    let request = |key: &[&str], purpose: Option<&str>| {
        let mut request =
            hospital.asking(&clerk, "POST", "/intake").header(header::CONTENT_TYPE, &content_type);
        for key in key {
            request = request.header("idempotency-key", *key);
        }
        let mut request = request.body(Body::from(body.clone())).unwrap();
        request.headers_mut().remove("purpose-of-use");
        if let Some(purpose) = purpose {
            request.headers_mut().insert("purpose-of-use", purpose.parse().unwrap());
        }
        request
    };
    let long = "k".repeat(129);
    for keys in [&[][..], &["a b"], &["one", "two"], &[long.as_str()]] {
        assert_eq!(hospital.send(request(keys, Some("TREAT"))).await.code(), "intake.key_missing");
    }
    for purpose in [None, Some("SNOOP")] {
        assert_eq!(hospital.send(request(&["one"], purpose)).await.code(), "purpose.missing");
    }
    assert_eq!(hospital.send(request(&["one"], Some("HRESCH"))).await.code(), "permission.refused");
    assert_eq!(patients(&hospital, &clerk).await, 0);
}

#[tokio::test]
async fn bad_bodies_have_stable_codes_and_change_nothing() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let whole = |patient: &str, image: &[u8]| form(patient, image, "image/png");
    let truncated = |keep: usize| {
        let (content_type, mut body) = whole(ADA, &png());
        body.truncate(keep);
        (content_type, body)
    };
    let (content_type, body) = whole(ADA, &png());
    let twice = [&body[..body.len() - 7], b"\r\n", &body].concat();
    let cases = [
        (whole("{}", &png()), "intake.malformed"),
        (whole(r#"{"family":""}"#, &png()), "intake.family"),
        (whole(r#"{"family":"a","birthDate":"2030-01-01"}"#, &png()), "intake.birth_date"),
        (whole(ADA, b""), "image.empty"),
        (whole(ADA, b"GIF89a"), "image.type_unsupported"),
        (form(ADA, &png(), "application/dicom"), "image.type_mismatch"),
        (whole(&"a".repeat(20_000), &png()), "intake.too_large"),
        (truncated(80), "intake.truncated"),
        (truncated(1500), "intake.truncated"),
        ((content_type.clone(), twice), "intake.form"),
        ((content_type.clone(), b"--x--\r\n".to_vec()), "intake.form"),
        (("application/json".to_owned(), body.clone()), "intake.form"),
        ((content_type.replace("=x", "=y"), body.clone()), "intake.truncated"),
        (
            (content_type, String::from_utf8_lossy(&body).replace("\"image\"", "\"scan\"").into()),
            "intake.form",
        ),
    ];
    for (number, (form, code)) in cases.into_iter().enumerate() {
        let reply = hospital.intake_of(&clerk, &number.to_string(), form).await;
        assert_eq!(reply.code(), code, "case {number}");
        assert!(reply.status.is_client_error());
        assert!(!String::from_utf8_lossy(&reply.body).contains("Okafor"));
    }
    assert_eq!(patients(&hospital, &clerk).await, 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_no_effect() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let (content_type, body) = form(ADA, &png(), "image/png");
    let broken = futures::stream::iter([
        Ok(Bytes::from(body)),
        Err(std::io::Error::other("the sealed stream was cut")),
    ]);
    let request = hospital
        .asking(&clerk, "POST", "/intake")
        .header("idempotency-key", "one")
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from_stream(broken))
        .unwrap();
    let reply = hospital.send(request).await;
    assert_eq!(reply.code(), "intake.truncated");
    assert_eq!(patients(&hospital, &clerk).await, 0);
}

#[tokio::test]
async fn a_large_image_is_taken_in_and_read_back_whole() {
    let hospital = Hospital::new();
    let clerk = hospital.at_work("ada", "clerk").await;
    let clinician = hospital.at_work("eve", "clinician").await;
    let large = [png(), vec![7; crate::places::SMALL_BYTES_MAX]].concat();
    let reply = hospital.intake(&clerk, "one", ADA, &large).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.code());
    let study = reply.json()["imaging_study"].as_str().unwrap().to_owned();
    let image = hospital.get(&clinician, &format!("/imaging-studies/{study}/image")).await;
    assert!(image.body == large);
    let path = format!("/imaging-studies/{study}/diagnosis");
    assert_eq!(hospital.post(&clerk, &path).await.status, StatusCode::OK);
}
