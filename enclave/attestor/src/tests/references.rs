//! Reference values from outside: who may hand them in, what is left of them, and what
//! stands in the ledger.

use std::collections::BTreeSet;
use std::sync::Arc;

use autoclave_attest::corim::{Corim, CorimKey, Reference, WHOLE, sign};
use autoclave_attest::evidence::TeeKind;
use autoclave_attest::jwk::Jwk;
use autoclave_base::HexBytes;
use autoclave_ledger::Event;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use p256::ecdsa::SigningKey;
use tower::ServiceExt as _;

use super::scene::{Life, Scene, clinic};
use crate::references::{References, routes};

const PATH: &str = "/endorsement-provisioning/v1/submit";

fn hospital() -> SigningKey {
    SigningKey::from_slice(&[8; 32]).unwrap()
}

fn signers() -> Vec<CorimKey> {
    let jwk = Jwk::signing(hospital().verifying_key());
    vec![serde_json::from_value(serde_json::to_value(jwk).unwrap()).unwrap()]
}

fn open(life: &Life) -> Arc<References> {
    Arc::new(References::open(life.running.cell(), signers()).unwrap())
}

/// Reference values for the clinic, good for `seconds` from now on.
fn corim(life: &Life, id: &str, seconds: u64) -> Corim {
    let measured = HexBytes::of(clinic().measured.measurement().bytes());
    let reference = Reference {
        kind: TeeKind::Software,
        vendor: "hospital".to_owned(),
        model: "clinic".to_owned(),
        version: None,
        measurements: vec![(WHOLE.to_owned(), BTreeSet::from([measured]))],
        svn_min: None,
    };
    let now = life.running.cell().now();
    let (not_before, not_after) = (now, now.plus(seconds));
    Corim { id: id.to_owned(), not_before, not_after, references: vec![reference] }
}

async fn submit(references: &Arc<References>, kind: &str, body: Vec<u8>) -> (u16, String) {
    let request = Request::post(PATH).header("content-type", kind).body(Body::from(body)).unwrap();
    let answer = routes(references.clone()).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const SIGNED: &str = "application/corim-signed+cbor; profile=\"tag:autoclave.health,2026:corim\"";

#[tokio::test]
async fn signed_reference_values_count_after_their_line_and_after_a_restart() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let references = open(&life);
    let lines = life.events().len();
    let document = sign(&corim(&life, "one", 1000), "hospital", &hospital());
    let (status, body) = submit(&references, SIGNED, document.clone()).await;
    assert_eq!((status, body.contains("\"status\":\"success\"")), (200, true), "{body}");
    assert!(matches!(life.events()[lines], Event::PolicyChange { from: None, .. }));
    let again = submit(&references, SIGNED, document).await;
    assert_eq!((again.0, life.events().len()), (200, lines + 1), "the same is one");
    drop(references);
    life.end().await;

    let life = scene.start().await.unwrap();
    let references = open(&life);
    assert_eq!(references.held().len(), 1);
    scene.clock.advance(1000);
    assert!(open(&life).held().is_empty(), "it ended");
    drop(references);
    life.end().await;
}

#[tokio::test]
async fn what_nobody_or_a_stranger_signed_is_refused() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let references = open(&life);
    let lines = life.events().len();
    let stranger = SigningKey::from_slice(&[9; 32]).unwrap();
    let foreign = sign(&corim(&life, "one", 1000), "stranger", &stranger);
    let own = sign(&corim(&life, "one", 1000), "hospital", &hospital());
    let mut flipped = own.clone();
    *flipped.last_mut().unwrap() ^= 1;
    // Tag 501 alone: what would have been signed.
    let unsigned = vec![0xd9, 0x01, 0xf5, 0xa0];
    for (kind, body, status, code) in [
        (SIGNED, foreign, 403, "corim.signer_unknown"),
        (SIGNED, flipped, 403, "corim.signature"),
        (SIGNED, unsigned, 403, "corim.unsigned"),
        (SIGNED, b"{}".to_vec(), 400, "corim.malformed"),
        ("application/json", own, 415, "corim.content_type"),
    ] {
        let (found, body) = submit(&references, kind, body).await;
        assert_eq!((found, body.contains(code)), (status, true), "{code}: {body}");
    }
    assert_eq!((references.held().len(), life.events().len()), (0, lines));
    drop(references);
    life.end().await;
}

#[tokio::test]
async fn the_latest_of_a_name_counts_and_an_older_one_never_returns() {
    let scene = Scene::new();
    let life = scene.start().await.unwrap();
    let references = open(&life);
    let first = sign(&corim(&life, "one", 1000), "hospital", &hospital());
    assert_eq!(submit(&references, SIGNED, first.clone()).await.0, 200);
    scene.clock.advance(10);
    let later = sign(&corim(&life, "one", 1000), "hospital", &hospital());
    assert_eq!(submit(&references, SIGNED, later).await.0, 200);
    let other = sign(&corim(&life, "two", 1000), "hospital", &hospital());
    assert_eq!(submit(&references, SIGNED, other).await.0, 200);
    assert_eq!(references.held().len(), 2);
    let (status, body) = submit(&references, SIGNED, first).await;
    assert_eq!((status, body.contains("corim.older")), (409, true), "{body}");
    drop(references);
    life.end().await;
}
