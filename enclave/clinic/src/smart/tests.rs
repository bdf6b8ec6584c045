//! Applications with keys, and what is refused of them.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::Generate as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use autoclave_cell::Entropy;

use super::assertion::{AssertionRefusal, issuer, verify};
use super::*;

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const TOKEN_URL: &str = "https://clinic.test/auth/token";

/// A key and its public half as a JWK of that name.
pub(crate) fn key(kid: &str) -> (SigningKey, Value) {
    let key = SigningKey::generate_from_rng(&mut Entropy);
    let mut jwk =
        serde_json::to_value(autoclave_attest::jwk::Jwk::signing(key.verifying_key())).unwrap();
    jwk["kid"] = json!(kid);
    (key, jwk)
}

pub(crate) fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature.to_bytes()))
}

fn client(jwks: &Value) -> Client {
    let settings = json!({"base": "https://clinic.test", "client": [{"id": "app", "name": "App",
        "kind": "service", "jwks": {"keys": [jwks]}, "scopes": "system/*.rs"}]});
    let settings: SmartSettings = serde_json::from_value(settings).unwrap();
    settings.clients().unwrap().remove(0)
}

fn claims() -> Value {
    json!({"iss": "app", "sub": "app", "aud": TOKEN_URL, "exp": NOW.plus(300).seconds(), "jti": "1"})
}

#[test]
fn an_assertion_of_the_registered_key_holds() {
    let (key, jwk) = key("one");
    let assertion = signed(&key, &json!({"alg": "ES256", "kid": "one"}), &claims());
    let proved = verify(&assertion, &client(&jwk), TOKEN_URL, NOW).unwrap();
    assert_eq!(proved.until, NOW.plus(300));
    assert_eq!(issuer(&assertion).as_deref(), Some("app"));
}

#[test]
fn what_is_wrong_with_an_assertion_is_refused_by_name() {
    use AssertionRefusal::{Audience, Client, Malformed, Signature, Stale};
    let (key, jwk) = key("one");
    let client = client(&jwk);
    let header = json!({"alg": "ES256", "kid": "one"});
    let with = |member: &str, value: Value| {
        let mut claims = claims();
        claims[member] = value;
        verify(&signed(&key, &header, &claims), &client, TOKEN_URL, NOW)
    };
    assert_eq!(with("iss", json!("other")), Err(Client));
    assert_eq!(with("sub", json!("other")), Err(Client));
    assert_eq!(with("aud", json!("https://other.test/auth/token")), Err(Audience));
    assert!(with("aud", json!(["https://other.test", TOKEN_URL])).is_ok());
    assert_eq!(with("exp", json!(NOW.seconds())), Err(Stale));
    assert_eq!(with("exp", json!(NOW.plus(600).seconds())), Err(Stale));
    assert_eq!(with("nbf", json!(NOW.plus(60).seconds())), Err(Stale));
    assert_eq!(with("jti", json!("")), Err(Malformed));
    assert_eq!(with("jti", Value::Null), Err(Malformed));
    let (stranger, _) = self::key("one");
    let refused = |assertion: &str| verify(assertion, &client, TOKEN_URL, NOW);
    assert_eq!(refused(&signed(&stranger, &header, &claims())), Err(Signature));
    for alg in ["none", "HS256", "ES384", "RS384"] {
        let header = json!({"alg": alg, "kid": "one"});
        assert_eq!(refused(&signed(&key, &header, &claims())), Err(Signature), "{alg}");
    }
    assert_eq!(refused("a.b"), Err(Malformed));
    assert_eq!(refused(&"a".repeat(20_000)), Err(Malformed));
    let crit = json!({"alg": "ES256", "crit": ["x"]});
    assert_eq!(refused(&signed(&key, &crit, &claims())), Err(Malformed));
}

#[test]
fn es384_as_smart_recommends_it_holds_as_well() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .unwrap();
    let point = pair.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-384", "kid": "p384",
        "x": b64::encode(&point[1..49]), "y": b64::encode(&point[49..])});
    let header = json!({"alg": "ES384", "typ": "JWT", "kid": "p384"}).to_string();
    let signed = format!("{}.{}", b64::encode(header), b64::encode(claims().to_string()));
    let signature = pair.sign(&random, signed.as_bytes()).unwrap();
    let assertion = format!("{signed}.{}", b64::encode(signature.as_ref()));
    assert!(verify(&assertion, &client(&jwk), TOKEN_URL, NOW).is_ok());
}

#[test]
fn applications_that_could_not_be_held_to_their_word_are_refused_at_the_start() {
    use SettingsRefusal::{Id, Keys, Purpose, Redirect, Scopes};
    let (_, jwk) = key("one");
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut client = json!({"id": "app", "name": "App", "kind": "confidential",
            "jwks": {"keys": [jwk.clone()]}, "scopes": "user/*.rs",
            "redirect_uris": ["https://app.test/back"]});
        change(&mut client);
        let settings = json!({"base": "https://clinic.test", "client": [client]});
        let settings: SmartSettings = serde_json::from_value(settings).unwrap();
        settings.clients().err()
    };
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(refused(&|client| client["id"] = json!("a b")), Some(Id));
    assert_eq!(refused(&|client| client["jwks"] = json!({"keys": []})), Some(Keys));
    assert_eq!(refused(&|client| client["jwks"]["keys"][0]["d"] = json!("x")), Some(Keys));
    assert_eq!(refused(&|client| client["jwks"]["keys"][0]["x"] = json!("AA")), Some(Keys));
    assert_eq!(refused(&|client| client["kind"] = json!("public")), Some(Keys));
    assert_eq!(refused(&|client| client["scopes"] = json!("user/patient.r")), Some(Scopes));
    assert_eq!(refused(&|client| client["purpose"] = json!("FUN")), Some(Purpose));
    assert_eq!(refused(&|client| client["redirect_uris"] = json!([])), Some(Redirect));
    for uri in ["http://app.test/", "https://app.test/#x", "javascript:alert(1)"] {
        assert_eq!(
            refused(&|client| client["redirect_uris"] = json!([uri])),
            Some(Redirect),
            "{uri}"
        );
    }
    let base = |base: &str| {
        let settings = SmartSettings { base: Some(base.to_owned()), client: Vec::new() };
        settings.clients().err()
    };
    assert_eq!(base("http://clinic.test"), Some(SettingsRefusal::Base));
    assert_eq!(base("https://clinic.test/"), Some(SettingsRefusal::Base));
}

/// RFC 7636, appendix B.
#[test]
fn only_the_verifier_proves_its_challenge() {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert!(proves("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge));
    assert!(!proves("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", challenge));
    assert!(!proves("short", challenge));
}
