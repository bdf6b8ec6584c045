//! The vectors in `protocol/attest/vectors`: tokens that every implementation must accept
//! or refuse alike. Signatures are deterministic (RFC 6979), so that the file is exactly
//! what this code makes.

use autoclave_base::b64;
use serde_json::{Value, json};

use super::{Expectation, KeySet, TYP, TokenClaims, verify};
use crate::fixtures::{AUDIENCE, ISSUER, NOW, World, jwk, key, runtime, subject};
use crate::jws;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/token.json");

fn claims() -> TokenClaims {
    let nonce = b64::encode([1; 32]).parse().unwrap();
    let mut claims = World::new().claims(&subject("clinic"), &runtime(&key(4), nonce));
    claims.jti = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    claims
}

fn signed(change: impl FnOnce(&mut TokenClaims)) -> String {
    let mut claims = claims();
    change(&mut claims);
    claims.sign(&key(3))
}

fn unsigned() -> String {
    let good = signed(|_| ());
    let header = b64::encode(json!({"alg": "none", "typ": TYP}).to_string());
    format!("{header}.{}.", good.split('.').nth(1).unwrap())
}

/// Each with the code that it is refused with.
fn refused() -> Vec<(&'static str, String)> {
    let kid = jwk(&key(3)).thumbprint().to_string();
    let other_kid = jwk(&key(9)).thumbprint().to_string();
    vec![
        ("token.alg_not_allowed", unsigned()),
        ("token.key_unknown", claims().sign(&key(9))),
        ("token.key_unknown", jws::sign(TYP, &other_kid, &claims(), &key(3))),
        ("token.signature", jws::sign(TYP, &kid, &claims(), &key(9))),
        ("token.issuer", signed(|claims| claims.iss = "http://other.test".to_owned())),
        ("token.audience", signed(|claims| claims.aud = "somebody else".to_owned())),
        ("token.expired", signed(|claims| claims.exp = NOW)),
        ("token.not_yet_valid", signed(|claims| claims.nbf = NOW.plus(31))),
        ("token.workload", signed(|claims| claims.sub = "broker".to_owned())),
        ("token.malformed", signed(|claims| claims.cnf.jwk = jwk(&key(5)))),
        ("token.malformed", jws::sign("autoclave-proof+jwt", &kid, &claims(), &key(3))),
    ]
}

fn document() -> Value {
    let world = World::new();
    let refused = refused().into_iter().map(|(code, token)| json!({"code": code, "token": token}));
    json!({
        "now": NOW,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "workload": "clinic",
        "nonce": claims().eat_nonce,
        "hardware_required": false,
        "jwks": world.keys(),
        "jwks_digest": world.keys().digest(),
        "token": signed(|_| ()),
        "claims": claims(),
        "signing_key_thumbprint": claims().runtime.thumbprint(),
        "report_data": b64::encode(claims().runtime.report_data()),
        "refused": refused.collect::<Vec<_>>(),
    })
}

#[test]
fn the_file_is_what_this_code_makes() {
    let file: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    assert_eq!(file, document(), "run `write_the_file` where the change is wanted");
}

#[test]
fn the_file_s_tokens_are_accepted_and_refused_as_it_says() {
    let file: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
    let keys: KeySet = serde_json::from_value(file["jwks"].clone()).unwrap();
    let expected = Expectation::new(ISSUER, AUDIENCE)
        .hardware_required(false)
        .workload(crate::fixtures::workload("clinic"))
        .nonce(serde_json::from_value(file["nonce"].clone()).unwrap());
    let check = |token: &Value| verify(token.as_str().unwrap(), &keys, &expected, NOW);
    assert!(check(&file["token"]).is_ok());
    for case in file["refused"].as_array().unwrap() {
        assert_eq!(check(&case["token"]).unwrap_err().code(), case["code"]);
    }
}

#[test]
#[ignore = "writes the file"]
fn write_the_file() {
    let text = serde_json::to_string_pretty(&document()).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}
