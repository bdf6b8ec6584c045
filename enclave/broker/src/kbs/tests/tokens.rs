use autoclave_base::Secret;
use autoclave_cell::Entropy;
use autoclave_seal::jwe::TeePubKey;
use serde_json::{Value, json};

use super::super::guest::{Guest, GuestRefusal, Trusted, Wanted, verify};
use super::super::nonce::NonceKey;
use super::scene::{ISSUER, SIGNER, at, claims, guest, sign};
use crate::fixtures::{NOW, signing_key};
use autoclave_attest::jwk::Jwk;
use autoclave_attest::token::KeySet;

fn nonces() -> NonceKey {
    NonceKey::new(Secret::new([1; 32]))
}

fn runtime(key: &TeePubKey) -> Value {
    let nonce = nonces().issue(&mut Entropy, NOW);
    json!({ "nonce": nonce, "tee-pubkey": key, "additional-evidence": "" })
}

fn check(token: &str, hardware_required: bool) -> Result<Guest, GuestRefusal> {
    let keys = KeySet::new(vec![Jwk::signing(signing_key(SIGNER).verifying_key())]).unwrap();
    let trusted = Trusted { keys, issuer: ISSUER.to_owned() };
    let nonces = nonces();
    let wanted = Wanted { trusted: &trusted, audience: "kbs", hardware_required, nonces: &nonces };
    verify(token, &wanted, NOW)
}

#[test]
fn a_good_token_speaks_of_its_guest() {
    let key = guest().public();
    let verified = check(&sign(&claims(&runtime(&key)), SIGNER), false).unwrap();
    assert_eq!((verified.kind.as_str(), verified.hw_backed), ("sample", false));
    assert_eq!((verified.key, verified.jti.as_str()), (key, "1234"));
}

#[test]
fn a_token_that_is_not_for_us_is_not_believed() {
    let key = guest().public();
    let good = claims(&runtime(&key));
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let foreign = NonceKey::new(Secret::new([2; 32])).issue(&mut Entropy, NOW);
    let mut elsewhere = good.clone();
    elsewhere["eat_nonce"] = json!(foreign);
    let old = nonces().issue(&mut Entropy, NOW.minus(400));
    let mut stale = claims(&json!({ "nonce": old, "tee-pubkey": key }));
    stale["eat_nonce"] = json!(old);
    let mut other_nonce = good.clone();
    other_nonce["eat_nonce"] = json!(nonces().issue(&mut Entropy, NOW));
    for (claims, code) in [
        (with("iss", json!("http://other.test")), "token.issuer"),
        (with("aud", json!("autoclave")), "token.audience"),
        (with("eat_profile", json!("tag:autoclave.health,2026:ear")), "token.malformed"),
        (with("nbf", at(NOW.plus(31))), "token.not_yet_valid"),
        (with("exp", at(NOW)), "token.expired"),
        (with("sub", json!("No Name")), "token.malformed"),
        (with("measurement", json!("x")), "token.malformed"),
        (elsewhere, "token.nonce"),
        (stale, "token.nonce"),
        (other_nonce, "token.nonce"),
    ] {
        assert_eq!(check(&sign(&claims, SIGNER), false).unwrap_err().code(), code, "{claims}");
    }
    assert_eq!(check(&sign(&good, 9), false).unwrap_err().code(), "token.key_unknown");
    assert_eq!(check(&sign(&good, SIGNER), true).unwrap_err().code(), "token.hardware_required");
    let mut forged = sign(&good, SIGNER);
    let middle = forged.find('.').unwrap() + 10;
    forged.replace_range(middle..=middle, if &forged[middle..=middle] == "A" { "B" } else { "A" });
    assert_eq!(check(&forged, false).unwrap_err().code(), "jws.signature");
}

#[test]
fn a_guest_s_evidence_is_of_one_kind() {
    let mut two = claims(&runtime(&guest().public()));
    two["submods"]["cpu0"]["ear.veraison.annotated-evidence"]["snp"] = json!({});
    assert_eq!(check(&sign(&two, SIGNER), false).unwrap_err().code(), "token.malformed");
}
