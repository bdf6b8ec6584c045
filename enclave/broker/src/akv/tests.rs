mod reach;
pub(crate) mod rsa;

use autoclave_attest::jws;
use autoclave_base::{Digest, b64};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use self::rsa::PRIVATE;
use super::routes::Operation;
use super::rsa::Wrapping;
use super::{BEARER_SECONDS_MAX, BEARER_TYP, TokenRefusal};
use crate::fixtures::{AUTHORITY, AUTHORITY_SEED, NOW, VAULT, World, jwk, settings, signing_key};

const ACME: u8 = 1;
const MERCY: u8 = 2;
/// May read and ask for releases of acme's, and nothing else.
const CALLER: u8 = 4;

async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (World::open(folder.path(), settings()).await, folder)
}

fn bearer(seed: u8, claims: &Value) -> String {
    jws::sign_with_jwk(BEARER_TYP, None, claims, &signing_key(seed))
}

fn good_bearer(world: &World, seed: u8) -> String {
    let now = world.cell().now();
    bearer(seed, &json!({ "aud": VAULT, "iat": now, "exp": now.plus(600) }))
}

async fn call(
    world: &World,
    (method, path): (&str, &str),
    bearer: Option<&str>,
    body: &Value,
) -> (u16, Value, Option<String>) {
    let uri = format!("{path}?api-version=7.6");
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(Body::from(body)).unwrap();
    let response = world.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map(|it| it.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null), challenge)
}

async fn send(world: &World, route: (&str, &str), who: u8, body: &Value) -> (u16, Value) {
    let bearer = good_bearer(world, who);
    let (status, answer, _) = call(world, route, Some(&bearer), body).await;
    (status, answer)
}

fn policy(conditions: &Value, immutable: bool) -> Value {
    let text = json!({
        "version": "1.0.0",
        "anyOf": [{ "authority": AUTHORITY, "allOf": conditions }],
    });
    json!({
        "contentType": "application/json; charset=utf-8",
        "data": b64::encode(text.to_string()), "immutable": immutable,
    })
}

fn debuggable_never() -> Value {
    json!([{ "claim": "x-ms-sgx-is-debuggable", "equals": "false" }])
}

/// An import of the key of `jwk`, to be released to what no debugger looks into.
fn import(jwk: &Value) -> Value {
    json!({
        "key": jwk, "hsm": true,
        "attributes": { "exportable": true, "exp": NOW.plus(5000) },
        "release_policy": policy(&debuggable_never(), false),
    })
}

fn oct() -> Value {
    json!({ "kty": "oct-HSM", "k": b64::encode([7; 32]) })
}

async fn imported(world: &World, name: &str, jwk: &Value) -> Value {
    let path = format!("/keys/{name}");
    let (status, bundle) = send(world, ("PUT", &path), ACME, &import(jwk)).await;
    assert_eq!(status, 200, "{bundle}");
    bundle
}

fn claims() -> Value {
    let public = PRIVATE.public();
    let key = json!({
        "kty": "RSA", "kid": "enc", "use": "enc", "e": "AQAB", "n": b64::encode(public.modulus()),
    });
    json!({
        "iss": AUTHORITY, "iat": NOW, "nbf": NOW, "exp": NOW.plus(600), "jti": "one",
        "nonce": "fresh", "x-ms-sgx-is-debuggable": false,
        "x-ms-runtime": { "keys": [{ "kty": "EC", "use": "enc" }, key] },
    })
}

fn signed(header: &Value, claims: &Value) -> String {
    let signed = [header, claims].map(|part| b64::encode(part.to_string())).join(".");
    let signature: Signature = signing_key(AUTHORITY_SEED).sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature.to_bytes()))
}

fn token(claims: &Value) -> String {
    let kid = jwk(&signing_key(AUTHORITY_SEED)).thumbprint().to_string();
    signed(&json!({ "alg": "ES256", "typ": "JWT", "kid": kid }), claims)
}

async fn release(world: &World, body: &Value) -> (u16, Value) {
    send(world, ("POST", "/keys/one/release"), CALLER, body).await
}

fn payload(answer: &Value) -> Value {
    let jws = answer["value"].as_str().unwrap();
    let payload = b64::decode(jws.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// What the holder of the RSA key makes of an answer.
fn opened(answer: &Value, wrapping: Wrapping) -> Vec<u8> {
    let payload = payload(answer);
    let wrapped = payload["response"]["key"]["key"]["key_hsm"].as_str().unwrap();
    let wrapped: Value = serde_json::from_slice(&b64::decode(wrapped).unwrap()).unwrap();
    assert_eq!(wrapped["header"]["enc"], wrapping.as_str());
    let ciphertext = b64::decode(wrapped["ciphertext"].as_str().unwrap()).unwrap();
    PRIVATE.open(wrapping, &ciphertext).unwrap()
}

#[tokio::test]
async fn a_key_leaves_for_a_token_that_meets_its_policy_after_its_line() {
    let (world, _folder) = world().await;
    let bundle = imported(&world, "one", &oct()).await;
    let token = token(&claims());
    for wrapping in [Wrapping::Sha1, Wrapping::Sha256, Wrapping::Sha384] {
        let body = json!({ "target": token, "enc": wrapping.as_str(), "nonce": "fresh" });
        let (status, answer) = release(&world, &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(opened(&answer, wrapping), [7; 32]);
        let line = world.lines().pop().unwrap();
        assert_eq!(line["event"], "secure_release");
        assert_eq!(line["wrapping"], wrapping.as_str());
        assert_eq!((&line["key"], &line["by"]), (&json!("one"), &json!("acme-sidecar")));
        assert_eq!(line["token"], json!(Digest::of(&token)));
        let request = payload(&answer)["request"].clone();
        let expected = json!({
            "api-version": "7.6", "enc": wrapping.as_str(), "kid": bundle["key"]["kid"],
            "nonce": "fresh",
        });
        assert_eq!(request, expected);
    }
}

#[tokio::test]
async fn the_answer_is_signed_by_the_brokers_key_with_its_certificate() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    let (_, answer) = release(&world, &json!({ "target": token(&claims()) })).await;
    let jws = answer["value"].as_str().unwrap();
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    let header = b64::decode(signed.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["kid"], world.cell().thumbprint().to_string());
    assert_eq!((header["x5c"].as_array().unwrap().len(), header.get("typ")), (1, None));
    let key = VerifyingKey::from(world.cell().signing_key());
    let signature = Signature::from_slice(&b64::decode(signature).unwrap()).unwrap();
    p256::ecdsa::signature::Verifier::verify(&key, signed.as_bytes(), &signature).unwrap();
    assert_eq!(opened(&answer, Wrapping::Sha1), [7; 32]);
}

#[tokio::test]
async fn rsa_and_elliptic_keys_leave_as_pkcs8() {
    let (world, _folder) = world().await;
    let bundle = imported(&world, "one", &PRIVATE.jwk()).await;
    assert_eq!(bundle["key"]["kty"], "RSA-HSM");
    assert!(bundle["key"].get("d").is_none());
    let (_, answer) = release(&world, &json!({ "target": token(&claims()) })).await;
    let pkcs8 = opened(&answer, Wrapping::Sha1);
    let pair = ring::rsa::KeyPair::from_pkcs8(&pkcs8).unwrap();
    assert_eq!(pair.public().modulus_len(), 256);
}

#[tokio::test]
async fn no_token_but_a_good_one_moves_a_key() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        token(&claims)
    };
    let kid = jwk(&signing_key(AUTHORITY_SEED)).thumbprint().to_string();
    let mut altered = token(&claims()).into_bytes();
    let at = altered.iter().position(|byte| *byte == b'.').unwrap() + 10;
    altered[at] ^= 1;
    let one_key = |key: Value| with("x-ms-runtime", json!({ "keys": [key] }));
    let small = json!({ "kty": "RSA", "use": "enc", "e": "AQAB", "n": b64::encode([0xff; 128]) });
    let mut signing = claims()["x-ms-runtime"]["keys"][1].clone();
    signing["use"] = json!("sig");
    let contraindicated = json!({ "cpu0": { "ear.status": "contraindicated" } });
    let cases = [
        ("x".to_owned(), TokenRefusal::Malformed),
        (String::from_utf8(altered).unwrap(), TokenRefusal::Malformed),
        (with("iss", json!("https://other.test")), TokenRefusal::Authority),
        (with("iss", json!(7)), TokenRefusal::Malformed),
        (with("exp", json!(NOW)), TokenRefusal::Time),
        (with("exp", Value::Null), TokenRefusal::Malformed),
        (with("nbf", json!(NOW.plus(31))), TokenRefusal::Time),
        (with("iat", json!(NOW.plus(31))), TokenRefusal::Time),
        (with("nonce", json!("other")), TokenRefusal::Nonce),
        (with("submods", contraindicated), TokenRefusal::Status),
        (with("x-ms-runtime", json!({})), TokenRefusal::Target),
        (one_key(small), TokenRefusal::Target),
        (one_key(signing), TokenRefusal::Target),
        (signed(&json!({ "alg": "none", "kid": kid }), &claims()), TokenRefusal::Signature),
        (signed(&json!({ "alg": "HS256", "kid": kid }), &claims()), TokenRefusal::Signature),
        (signed(&json!({ "alg": "ES256", "kid": "x" }), &claims()), TokenRefusal::Authority),
        (signed(&json!({ "alg": "ES256" }), &claims()), TokenRefusal::Authority),
        (
            signed(&json!({ "alg": "ES256", "kid": kid, "crit": ["x"] }), &claims()),
            TokenRefusal::Malformed,
        ),
    ];
    for (token, refusal) in cases {
        let (status, answer) = release(&world, &json!({ "target": token, "nonce": "fresh" })).await;
        let code = &answer["error"]["innererror"]["code"];
        let known = [json!(refusal.code()), json!(TokenRefusal::Signature.code())];
        assert_eq!(status, 403, "{refusal:?}: {answer}");
        assert!(known.contains(code), "{refusal:?}: {answer}");
        let line = world.lines().pop().unwrap();
        assert_eq!((&line["event"], &line["code"]), (&json!("refusal"), code));
    }
    assert!(world.lines().iter().all(|line| line["event"] != "secure_release"));
}

#[tokio::test]
async fn what_the_policy_does_not_permit_stays_and_is_explained_inside() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    let mut debuggable = claims();
    debuggable["x-ms-sgx-is-debuggable"] = json!(true);
    let mut silent = claims();
    silent.as_object_mut().unwrap().remove("x-ms-sgx-is-debuggable");
    for (claims, found) in [(debuggable, "true"), (silent, "nothing")] {
        let (status, answer) = release(&world, &json!({ "target": token(&claims) })).await;
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("Forbidden")));
        assert!(!answer.to_string().contains("debuggable"));
        let line = world.lines().pop().unwrap();
        assert_eq!((&line["rule"], &line.get("found")), (&json!("release-policy"), &None));
        let acme = "acme".parse().unwrap();
        let why = world.broker.refusals.visible_to(&acme).remove(0).why.remove(0);
        assert_eq!((&*why.claim, &*why.found), ("x-ms-sgx-is-debuggable", found));
    }
}

#[tokio::test]
async fn what_may_not_be_used_does_not_leave() {
    let (world, _folder) = world().await;
    imported(&world, "one", &oct()).await;
    let body = json!({ "target": token(&claims()) });
    assert_eq!(release(&world, &body).await.0, 200);
    let patch = ("PATCH", "/keys/one/");
    let disabled = json!({ "attributes": { "enabled": false } });
    assert_eq!(send(&world, patch, ACME, &disabled).await.0, 200);
    assert_eq!(release(&world, &body).await.0, 403);
    let later = json!({ "attributes": { "enabled": true, "nbf": NOW.plus(100) } });
    assert_eq!(send(&world, patch, ACME, &later).await.0, 200);
    assert_eq!(release(&world, &body).await.0, 403);
    world.clock.advance(100);
    assert_eq!(release(&world, &body).await.0, 200);
    assert_eq!(send(&world, ("DELETE", "/keys/one"), ACME, &Value::Null).await.0, 200);
    assert_eq!(release(&world, &body).await.0, 403);
    let recover = ("POST", "/deletedkeys/one/recover");
    assert_eq!(send(&world, recover, ACME, &Value::Null).await.0, 200);
    assert_eq!(release(&world, &body).await.0, 200);
    send(&world, ("DELETE", "/keys/one"), ACME, &Value::Null).await;
    assert_eq!(send(&world, ("DELETE", "/deletedkeys/one"), ACME, &Value::Null).await.0, 204);
    assert_eq!(send(&world, recover, ACME, &Value::Null).await.0, 404);
    assert_eq!(release(&world, &body).await.0, 403);
    let (status, answer) = send(&world, ("PUT", "/keys/one"), ACME, &import(&oct())).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("Conflict")));
}

#[tokio::test]
async fn a_revoked_token_or_measurement_moves_nothing_from_the_next_request_on() {
    for (kind, what) in [("token", "one"), ("measurement", "abababababababababababababababab")] {
        let (world, _folder) = world().await;
        imported(&world, "one", &oct()).await;
        let mut claims = claims();
        claims["x-ms-sgx-mrenclave"] = json!("abababababababababababababababab");
        let body = json!({ "target": token(&claims) });
        assert_eq!(release(&world, &body).await.0, 200);
        let (acme, by) = ("acme".parse().unwrap(), "acme-keys".parse().unwrap());
        let kind = serde_json::from_value(json!(kind)).unwrap();
        let what = autoclave_ledger::Label::of_claim(what);
        let (list, ledger) = (&world.broker.revocations, world.cell().ledger());
        let entry = (kind, what);
        list.revoke(&acme, entry, &by, NOW, ledger).await.unwrap();
        assert_eq!(release(&world, &body).await.0, 403, "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_counts_once_where_it_is_configured_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.key_vault.as_mut().unwrap().token_once = true;
    let world = World::open(folder.path(), settings.clone()).await;
    imported(&world, "one", &oct()).await;
    let body = json!({ "target": token(&claims()) });
    assert_eq!(release(&world, &body).await.0, 200);
    assert_eq!(release(&world, &body).await.0, 403);
    world.stop().await;
    let world = World::open(folder.path(), settings).await;
    assert_eq!(release(&world, &body).await.0, 403);
}

#[tokio::test]
async fn a_policy_that_is_immutable_stays() {
    let (world, _folder) = world().await;
    let mut fixed = import(&oct());
    fixed["release_policy"] = policy(&debuggable_never(), true);
    assert_eq!(send(&world, ("PUT", "/keys/fixed"), ACME, &fixed).await.0, 200);
    imported(&world, "loose", &oct()).await;
    let anything = json!([{ "claim": "iss", "exists": true }]);
    let other = json!({ "release_policy": policy(&anything, false) });
    assert_eq!(send(&world, ("PATCH", "/keys/fixed/"), ACME, &other).await.0, 403);
    let (status, answer) = send(&world, ("PATCH", "/keys/loose/"), ACME, &other).await;
    assert_eq!(
        (status, &answer["release_policy"]["data"]),
        (200, &other["release_policy"]["data"])
    );
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_its_reason() {
    let (world, _folder) = world().await;
    let put = ("PUT", "/keys/one");
    let with = |member: &str, value: Value| {
        let mut body = import(&oct());
        body[member] = value;
        body
    };
    let endless = json!({ "exportable": true });
    let unexportable = json!({ "exp": NOW.plus(9) });
    let over = json!({ "exportable": true, "exp": NOW });
    let broken = json!({ "data": b64::encode("{}") });
    let cases = [
        (with("attributes", endless), "keys.expiry"),
        (with("attributes", over), "keys.expiry"),
        (with("attributes", unexportable), "key_vault.policy_needed"),
        (with("release_policy", Value::Null), "key_vault.policy_needed"),
        (with("release_policy", broken), "key_vault.policy_malformed"),
        (with("tags", json!({ "patient": "Jane" })), "key_vault.tags"),
        (with("key", json!({ "kty": "oct", "k": "AAAA" })), "key_vault.key"),
        (json!({ "key": 1 }), "request.malformed"),
    ];
    let lines = world.lines().len();
    for (body, code) in cases {
        let (status, answer) = send(&world, put, ACME, &body).await;
        assert_eq!((status, &answer["error"]["innererror"]["code"]), (400, &json!(code)));
    }
    let rsa = json!({ "kty": "RSA-HSM", "attributes": { "exp": NOW.plus(9) } });
    let (status, answer) = send(&world, ("POST", "/keys/one/create"), ACME, &rsa).await;
    assert_eq!(
        (status, &answer["error"]["innererror"]["code"]),
        (400, &json!("key_vault.not_supported"))
    );
    assert_eq!(send(&world, ("PUT", "/keys/no_name"), ACME, &import(&oct())).await.0, 400);
    assert_eq!(world.lines().len(), lines);
}
