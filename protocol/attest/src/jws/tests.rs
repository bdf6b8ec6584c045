use p256::ecdsa::signature::Verifier as _;
use serde_json::json;

use super::*;
use crate::fixtures::key;

const TYP: &str = "test+jwt";

fn good() -> String {
    sign(TYP, "k", &json!({"hello": "world"}), &key(1))
}

/// The good one with another header, signed over it.
fn with_header(header: &Value) -> String {
    let payload = b64::encode(r#"{"hello":"world"}"#);
    let signed = format!("{}.{payload}", b64::encode(header.to_string()));
    let signature: Signature = key(1).sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature.to_bytes()))
}

fn check(jws: &str) -> Result<Vec<u8>, JwsRefusal> {
    verify(jws, key(1).verifying_key(), TYP)
}

#[test]
fn what_was_signed_is_read() {
    assert_eq!(check(&good()).unwrap(), br#"{"hello":"world"}"#);
    assert_eq!(good(), good(), "RFC 6979: the same every time");
}

/// The signature of RFC 7515, appendix A.3: made by somebody else's library.
#[test]
fn the_rfc_7515_example_verifies() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }))
    .unwrap();
    let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA\
                  6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = b64::decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    )
    .unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    jwk.verifying_key().unwrap().verify(signed.as_bytes(), &signature).unwrap();
    let whole = format!("{signed}.{}", b64::encode(signature.to_bytes()));
    assert_eq!(verify(&whole, jwk.verifying_key().unwrap(), TYP), Err(JwsRefusal::Typ));
}

#[test]
fn other_algorithms_are_refused_before_any_key_is_looked_at() {
    for alg in ["none", "None", "HS256", "RS256", "ES384", "ES256K", "es256", ""] {
        let jws = with_header(&json!({"alg": alg, "typ": TYP, "kid": "k"}));
        assert_eq!(check(&jws), Err(JwsRefusal::Alg), "{alg}");
    }
    let unsigned = format!("{}.e30.", b64::encode(r#"{"alg":"none","typ":"test+jwt"}"#));
    assert_eq!(check(&unsigned), Err(JwsRefusal::Alg));
}

#[test]
fn extensions_and_other_types_are_refused() {
    let crit = json!({"alg": "ES256", "typ": TYP, "crit": ["b64"], "b64": false});
    assert_eq!(check(&with_header(&crit)), Err(JwsRefusal::Crit));
    let null = json!({"alg": "ES256", "typ": TYP, "crit": []});
    assert_eq!(check(&with_header(&null)), Err(JwsRefusal::Crit));
    for header in [json!({"alg": "ES256"}), json!({"alg": "ES256", "typ": "JWT"})] {
        assert_eq!(check(&with_header(&header)), Err(JwsRefusal::Typ));
    }
    let upper = json!({"alg": "ES256", "typ": "TEST+JWT"});
    assert!(check(&with_header(&upper)).is_ok(), "media types compare without case");
}

#[test]
fn a_header_given_twice_is_refused() {
    let header = b64::encode(r#"{"alg":"ES256","alg":"none","typ":"test+jwt"}"#);
    assert_eq!(check(&format!("{header}.e30.AA")), Err(JwsRefusal::Malformed));
}

#[test]
fn other_keys_and_changed_bytes_are_refused() {
    let stranger = verify(&good(), key(2).verifying_key(), TYP);
    assert_eq!(stranger, Err(JwsRefusal::Signature));
    let (signed, signature) =
        good().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let other = format!("{header}.{}.{signature}", b64::encode(r#"{"hello":"there"}"#));
    assert_eq!(check(&other), Err(JwsRefusal::Signature));
    let zeros = format!("{signed}.{}", b64::encode([0; 64]));
    assert_eq!(check(&zeros), Err(JwsRefusal::Signature));
}

#[test]
fn both_forms_of_s_are_accepted_and_der_is_not() {
    let (signed, signature) =
        good().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let signature = Signature::from_slice(&b64::decode(&signature).unwrap()).unwrap();
    let negated = Signature::from_scalars(signature.r(), -*signature.s()).unwrap();
    for form in [signature, negated] {
        assert!(check(&format!("{signed}.{}", b64::encode(form.to_bytes()))).is_ok());
    }
    let der = format!("{signed}.{}", b64::encode(signature.to_der().as_bytes()));
    assert_eq!(check(&der), Err(JwsRefusal::Signature));
}

#[test]
fn what_is_no_jws_is_refused() {
    let good = good();
    let long = format!("{good}{}", "A".repeat(JWS_BYTES_MAX));
    let cases = ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.", &good[1..], &format!("{good}=")];
    for case in cases {
        assert!(check(case).is_err(), "{case}");
    }
    assert_eq!(check(&long), Err(JwsRefusal::TooLarge));
}

/// Wycheproof's vectors for ES256 (`vectors/wycheproof`). They name no type, which ours all
/// do: the genuine one is refused for that alone, and its signature holds.
#[test]
fn wycheproofs_signed_objects_come_out_as_they_should() {
    let file = "/vectors/wycheproof/json_web_signature_es256.json";
    let text = std::fs::read(format!("{}{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let all: Value = serde_json::from_slice(&text).unwrap();
    let group = &all["testGroups"][0];
    let jwk: Jwk = serde_json::from_value(group["public"].clone()).unwrap();
    let key = jwk.verifying_key().unwrap();
    let tests = group["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 15);
    for test in tests {
        let text = test["jws"].as_str().unwrap();
        assert!(verify(text, key, "JWT").is_err());
        let parts = text.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            let whole = b64::decode(header).is_ok() && b64::decode(payload).is_ok();
            Some((signed, b64::decode(signature).ok().filter(|_| whole)?))
        });
        let holds =
            parts.is_some_and(|(signed, signature)| is_es256(signed.as_bytes(), &signature, key));
        assert_eq!(holds, test["result"] == "valid", "{}", test["comment"]);
    }
}
