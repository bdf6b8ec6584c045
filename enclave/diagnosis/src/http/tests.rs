use axum::response::IntoResponse as _;

use super::refusal::{KserveRefusal, REFUSALS};
use super::*;
use crate::brain::BrainError;
use crate::engine::{RunError, SpecRefusal};
use crate::intake::ImageRefusal;
use crate::kserve::WireRefusal;
use crate::pool::PoolRefusal;
use crate::tensor::TensorRefusal;

/// The codes that a caller can meet, from the enums that make them.
fn codes() -> Vec<&'static str> {
    use ImageRefusal as Image;
    use WireRefusal as Wire;
    let images = [
        Image::TypeUnsupported,
        Image::Empty,
        Image::TooLarge,
        Image::TypeMismatch,
        Image::Dimensions,
        Image::Undecodable,
        Image::NoPixels,
        Image::FormUnsupported,
    ];
    let wires = [
        Wire::HeaderLength,
        Wire::TooLarge,
        Wire::Json,
        Wire::DataType,
        Wire::Data,
        Wire::BinaryLength,
        Wire::Output,
    ];
    let tensors = [
        TensorRefusal::Shape,
        TensorRefusal::TooLarge,
        TensorRefusal::Length,
        TensorRefusal::NotFinite,
    ];
    let specs = [SpecRefusal::Name, SpecRefusal::Missing, SpecRefusal::Shape];
    let mut codes =
        vec![PoolRefusal::Busy.code(), PoolRefusal::Crashed.code(), RunError::Output.code()];
    codes.extend(images.map(Image::code));
    codes.extend(wires.map(Wire::code));
    codes.extend(tensors.map(TensorRefusal::code));
    codes.extend(specs.map(SpecRefusal::code));
    codes.extend([BrainError::Model, BrainError::Answer, BrainError::Encode].map(BrainError::code));
    codes.extend([
        "model.unknown",
        "model.loading",
        "model.sealed",
        "model.digest",
        "release.refused",
    ]);
    codes
}

#[test]
fn every_code_has_its_status_and_sentence() {
    for code in codes() {
        assert_eq!(refusal(code).code(), code);
    }
}

#[test]
fn no_code_stands_in_the_table_twice() {
    let names: std::collections::BTreeSet<_> = REFUSALS.iter().map(|(code, ..)| code).collect();
    assert_eq!(names.len(), REFUSALS.len());
}

#[test]
fn statuses_say_whose_fault_it_is() {
    for (code, status) in [
        ("image.type_unsupported", 415),
        ("image.dimensions", 422),
        ("tensor.not_finite", 400),
        ("kserve.too_large", 413),
        ("model.unknown", 404),
        ("diagnosis.busy", 503),
        ("release.refused", 503),
        ("engine.output", 500),
        ("something.else", 500),
    ] {
        assert_eq!(refusal(code).status().as_u16(), status, "{code}");
    }
}

#[test]
fn a_strange_reason_stays_inside() {
    let refused = not_ready("carrier.connect");
    assert_eq!((refused.code(), refused.cause()), ("model.not_ready", Some("carrier.connect")));
    assert_eq!(not_ready("release.refused").code(), "release.refused");
}

#[tokio::test]
async fn kserve_refusals_have_the_protocols_form_and_our_code() {
    let response = KserveRefusal(refusal("kserve.datatype")).into_response();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], "kserve.datatype");
    assert_eq!(body["error"], "Only tensors of type FP32 are taken.");
}
