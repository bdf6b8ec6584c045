use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{jwk, key};

fn parse(value: Value) -> Result<Jwk, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn every_kind_survives_the_wire() {
    let keys = [
        jwk(&key(1)),
        Jwk::x25519(2, [3; 32]),
        Jwk::ed25519("ledger", [4; 32]),
        Jwk::xwing(1, &[5; XWING_PUBLIC_BYTES]).unwrap(),
    ];
    for key in keys {
        assert_eq!(parse(serde_json::to_value(&key).unwrap()), Ok(key));
    }
}

#[test]
fn a_signing_key_looks_as_other_libraries_expect() {
    let value = serde_json::to_value(jwk(&key(1))).unwrap();
    let members: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"].into());
    assert_eq!((&value["kty"], &value["crv"]), (&json!("EC"), &json!("P-256")));
    assert_eq!((&value["alg"], &value["use"]), (&json!("ES256"), &json!("sig")));
}

/// RFC 8037, appendix A.3.
#[test]
fn thumbprint_of_the_rfc_8037_key() {
    let key = parse(json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }));
    let thumbprint = key.unwrap().thumbprint().to_string();
    assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(thumbprint.parse::<Thumbprint>().unwrap().to_string(), thumbprint);
}

/// RFC 9449, section 4.1 shows the key, section 6.1 its thumbprint.
#[test]
fn thumbprint_of_the_rfc_9449_key() {
    let key = parse(json!({
        "kty": "EC", "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }));
    let thumbprint = key.unwrap().thumbprint().to_string();
    assert_eq!(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn unknown_members_are_ignored_and_private_ones_refused() {
    let mut value = serde_json::to_value(jwk(&key(1))).unwrap();
    value["x5t"] = json!("anything");
    assert_eq!(parse(value.clone()), Ok(jwk(&key(1))));
    for member in ["d", "k", "priv"] {
        let mut private = value.clone();
        private[member] = json!("AAAA");
        assert!(parse(private).unwrap_err().contains("private"), "{member}");
    }
}

#[test]
fn a_member_given_twice_is_refused() {
    let text = r#"{"kty":"OKP","crv":"X25519","x":"AA","x":"AA"}"#;
    assert!(serde_json::from_str::<Jwk>(text).is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    let zero = b64::encode([0; 32]);
    let bad = [
        json!({"kty": "oct", "alg": "HS256"}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-384", "x": zero, "y": zero}),
        json!({"kty": "EC", "crv": "P-256", "x": zero, "y": zero}),
        json!({"kty": "EC", "crv": "P-256", "x": zero}),
        json!({"kty": "EC", "crv": "P-256", "alg": "HS256", "x": zero, "y": zero}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AAAA"}),
        json!({"kty": "OKP", "crv": "X448", "x": zero}),
        json!({"kty": "AKP", "alg": "X-Wing", "pub": zero}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": zero}),
        json!({"kty": "OKP", "crv": "X25519", "x": zero, "kid": "k".repeat(200)}),
    ];
    for value in bad {
        assert!(parse(value.clone()).is_err(), "{value}");
    }
    assert_eq!(Jwk::xwing(1, &[0; 32]), Err(JwkRefusal::Malformed));
}

#[test]
fn only_encryption_keys_have_a_sealing_id() {
    assert_eq!(Jwk::x25519(2, [0; 32]).sealing_key_id(), Some(2));
    assert_eq!(Jwk::ed25519("2", [0; 32]).sealing_key_id(), None);
    for kid in ["02", "256", "+2", "x"] {
        let value = json!({"kty": "OKP", "crv": "X25519", "use": "enc", "kid": kid,
            "x": b64::encode([0; 32])});
        assert_eq!(parse(value).unwrap().sealing_key_id(), None, "{kid}");
    }
}
