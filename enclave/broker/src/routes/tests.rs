use autoclave_attest::dpop;
use autoclave_base::b64;
use autoclave_cell::Entropy;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::fixtures::{NOW, World, caller, settings, signing_key};

async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (World::open(folder.path(), settings()).await, folder)
}

/// A request with a proof by the key `signer`, if any.
async fn send(
    world: &World,
    (method, path): (&str, &str),
    signer: Option<u8>,
    body: &Value,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(seed) = signer {
        let facts = dpop::Facts { method, path, session: None };
        let proof = dpop::prove(&signing_key(seed), facts, &mut Entropy, NOW);
        request = request.header(dpop::HEADER, proof);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    answer(world.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()).await
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn secret(byte: u8) -> Value {
    json!({ "secret": b64::encode([byte; 32]) })
}

const MODEL: (&str, &str) = ("PUT", "/keys/model/brain-mri");

#[tokio::test]
async fn an_administrator_imports_rotates_and_sees_the_own_keys() {
    let (world, _folder) = world().await;
    let (status, answer) = send(&world, MODEL, Some(1), &secret(7)).await;
    let expected = json!({ "key": "model/brain-mri", "version": 1, "changed": true });
    assert_eq!((status, answer), (201, expected));
    let line = world.lines().pop().unwrap();
    assert_eq!((&line["event"], &line["by"]), (&json!("key_change"), &json!("acme-keys")));
    assert_eq!(send(&world, MODEL, Some(1), &secret(7)).await.0, 200);
    let (status, answer) = send(&world, MODEL, Some(1), &secret(8)).await;
    assert_eq!((status, &answer["version"]), (201, &json!(2)));
    let (status, answer) = send(&world, ("GET", "/keys"), Some(1), &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(answer["keys"].as_array().unwrap().len(), 1);
    assert_eq!(answer["keys"][0]["versions"][0]["version"], 2);
    assert!(!answer.to_string().contains(&b64::encode([8; 32])));
}

#[tokio::test]
async fn an_escaped_name_is_the_same_key() {
    let (world, _folder) = world().await;
    let path = ("PUT", "/keys/model%2Fbrain-mri");
    assert_eq!(send(&world, path, Some(1), &secret(7)).await.0, 201);
}

#[tokio::test]
async fn nobody_else_imports_and_nothing_changes() {
    let (world, _folder) = world().await;
    let lines = world.lines().len();
    let cases = [
        (MODEL, None, secret(7), 401, "dpop.missing"),
        (MODEL, Some(9), secret(7), 403, "administrator.unknown"),
        (MODEL, Some(2), secret(7), 404, "keys.unknown"),
        (("PUT", "/keys/model/other"), Some(1), secret(7), 404, "keys.unknown"),
        (("PUT", "/keys/No"), Some(1), secret(7), 404, "keys.unknown"),
        (MODEL, Some(1), json!({ "secret": "AAAA" }), 400, "request.malformed"),
        (MODEL, Some(1), json!({ "key": "AAAA" }), 400, "request.malformed"),
        (MODEL, Some(1), Value::Null, 400, "request.malformed"),
    ];
    for (route, signer, body, status, code) in cases {
        let (found, answer) = send(&world, route, signer, &body).await;
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{route:?} {body}");
    }
    assert_eq!(world.lines().len(), lines);
    let (_, answer) = send(&world, ("GET", "/keys"), Some(1), &Value::Null).await;
    assert_eq!(answer["keys"][0]["versions"], json!([]));
}

#[tokio::test]
async fn refusals_are_for_administrators() {
    let (world, _folder) = world().await;
    let chain = caller("clinic", 3).chain(world.cell(), "/keys/model/brain-mri/release");
    send(&world, MODEL, Some(1), &secret(7)).await;
    let model = KeyName::parse("model/brain-mri").unwrap();
    let tenant = world.broker.vault.owner_of(&model);
    let key = (tenant.as_ref(), "model/brain-mri");
    world.broker.release(&chain, key, None).await.unwrap_err();
    let route = ("GET", "/refusals");
    let (status, answer) = send(&world, route, Some(1), &Value::Null).await;
    assert_eq!(status, 200);
    let refused = &answer["refusals"][0];
    assert_eq!(refused["workload"], "clinic");
    let why = json!({
        "rule": "model-to-diagnosis", "claim": "principal.workload",
        "expected": "diagnosis", "found": "clinic",
    });
    assert_eq!(refused["why"][0], why);
    let (_, mercy) = send(&world, route, Some(2), &Value::Null).await;
    assert_eq!(mercy["refusals"], json!([]));
    assert_eq!(send(&world, route, None, &Value::Null).await.0, 401);
    assert_eq!(send(&world, route, Some(9), &Value::Null).await.0, 403);
}

#[tokio::test]
async fn a_stranger_is_told_what_everybody_is_told() {
    let (world, _folder) = world().await;
    let unproved = Refusal::forbidden("chain.link_refused", "…").caused_by("token.debug");
    let told = world.broker.refuse_stranger(&unproved).await;
    assert_eq!((told.code(), told.status()), ("release.refused", StatusCode::FORBIDDEN));
    let line = world.lines().pop().unwrap();
    assert_eq!((&line["event"], &line["code"]), (&json!("refusal"), &json!("token.debug")));
    let (_, answer) = send(&world, ("GET", "/refusals"), Some(1), &Value::Null).await;
    assert_eq!(answer["refusals"][0]["code"], "token.debug");
}

#[tokio::test]
async fn a_release_route_must_end_so() {
    let (world, _folder) = world().await;
    let (status, answer) =
        send(&world, ("POST", "/keys/model/brain-mri"), None, &Value::Null).await;
    assert_eq!((status, &answer["code"]), (404, &json!("request.no_route")));
}

#[test]
fn a_release_request_is_empty_or_names_a_version() {
    let version = |body: &str| version_request(body.as_bytes()).map(|it| it.version);
    assert_eq!(version("").unwrap(), None);
    assert_eq!(version("{}").unwrap(), None);
    assert_eq!(version(r#"{"version":3}"#).unwrap(), Some(3));
    for bad in [r#"{"version":-1}"#, r#"{"versions":1}"#, "x"] {
        assert_eq!(version(bad).unwrap_err().code(), "request.malformed");
    }
}
