use serde_json::{Value, json};

use super::*;
use crate::fixtures::{NOW, jwk, key, rng};

const FACTS: Facts<'static> = Facts { method: "POST", path: "/intake", session: Some("s1") };

fn good() -> String {
    prove(&key(1), FACTS, &mut rng(1), NOW)
}

fn check_at(proof: &str, facts: Facts<'_>, now: UnixTime) -> Result<ProvedKey, DpopRefusal> {
    verify(Some(proof), facts, &mut ProofBook::default(), now)
}

fn refusal(proof: &str, facts: Facts<'_>) -> DpopRefusal {
    check_at(proof, facts, NOW).unwrap_err()
}

fn with_header(header: &Value) -> String {
    let good = good();
    let (_, rest) = good.split_once('.').unwrap();
    format!("{}.{rest}", b64::encode(header.to_string()))
}

#[test]
fn a_good_proof_names_its_key() {
    let proved = check_at(&good(), FACTS, NOW).unwrap();
    assert_eq!(proved.jkt(), jwk(&key(1)).thumbprint());
}

#[test]
fn no_proof_is_refused() {
    let refused = verify(None, FACTS, &mut ProofBook::default(), NOW).unwrap_err();
    assert_eq!(refused, DpopRefusal::Missing);
}

#[test]
fn a_proof_for_another_request_or_session_is_refused() {
    let other = [Facts { method: "PUT", ..FACTS }, Facts { path: "/staff", ..FACTS }];
    for facts in other {
        assert_eq!(refusal(&good(), facts), DpopRefusal::Target);
    }
    for session in [None, Some("s2")] {
        assert_eq!(refusal(&good(), Facts { session, ..FACTS }), DpopRefusal::Session);
    }
    let without = prove(&key(1), Facts { session: None, ..FACTS }, &mut rng(1), NOW);
    assert_eq!(refusal(&without, FACTS), DpopRefusal::Session);
}

#[test]
fn stale_and_future_proofs_are_refused() {
    let last = NOW.plus(PROOF_AGE_MAX_SECONDS);
    assert!(check_at(&good(), FACTS, last).is_ok());
    for now in [last.plus(1), NOW.minus(31)] {
        assert_eq!(check_at(&good(), FACTS, now), Err(DpopRefusal::Stale));
    }
}

#[test]
fn a_replayed_proof_is_refused() {
    let mut book = ProofBook::default();
    assert!(verify(Some(&good()), FACTS, &mut book, NOW).is_ok());
    let again = verify(Some(&good()), FACTS, &mut book, NOW);
    assert_eq!(again, Err(DpopRefusal::Replayed));
    let full = verify(Some(&good()), FACTS, &mut ProofBook::new(0), NOW);
    assert_eq!(full, Err(DpopRefusal::Busy));
}

#[test]
fn a_key_that_did_not_sign_is_refused() {
    let header = json!({"alg": "ES256", "typ": TYP, "jwk": jwk(&key(2))});
    assert_eq!(refusal(&with_header(&header), FACTS), DpopRefusal::Signature);
}

#[test]
fn other_algorithms_and_keys_are_refused() {
    let none = json!({"alg": "none", "typ": TYP, "jwk": jwk(&key(1))});
    assert_eq!(refusal(&with_header(&none), FACTS), DpopRefusal::Alg);
    let mut private = json!(jwk(&key(1)));
    private["d"] = json!("AAAA");
    let bad = [
        json!({"alg": "ES256", "typ": TYP}),
        json!({"alg": "ES256", "typ": "JWT", "jwk": jwk(&key(1))}),
        json!({"alg": "ES256", "typ": TYP, "jwk": {"kty": "oct"}}),
        json!({"alg": "ES256", "typ": TYP, "jwk": private}),
    ];
    for header in bad {
        assert_eq!(refusal(&with_header(&header), FACTS), DpopRefusal::Malformed, "{header}");
    }
}

#[test]
fn a_proof_without_a_name_of_its_own_is_refused() {
    for jti in [String::new(), "j".repeat(129)] {
        let claims = json!({"htm": "POST", "htu": "/intake", "iat": NOW, "jti": jti});
        let proof = jws::sign_with_jwk(TYP, None, &claims, &key(1));
        assert_eq!(refusal(&proof, FACTS), DpopRefusal::Malformed);
    }
}
