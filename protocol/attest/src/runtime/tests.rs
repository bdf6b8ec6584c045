use serde_json::json;

use super::*;
use crate::fixtures::{jwk, key, nonce, runtime};

#[test]
fn the_object_says_what_it_holds() {
    let object = runtime(&key(4), nonce(1));
    assert_eq!(object.thumbprint(), jwk(&key(4)).thumbprint());
    assert_eq!(object.sealing().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(object.ledger(), Some([5; 32]));
    assert_eq!(object.jwks(), None);
    let json = serde_json::to_string(&object).unwrap();
    assert_eq!(serde_json::from_str::<Runtime>(&json).unwrap(), object);
}

#[test]
fn report_data_is_the_padded_digest_of_the_canonical_object() {
    let object = runtime(&key(4), nonce(1));
    let data = object.report_data();
    let canonical = jcs::to_vec(&serde_json::to_value(&object).unwrap()).unwrap();
    assert_eq!(&data[..32], Digest::of(canonical).bytes());
    assert_eq!(&data[32..], &[0; 32]);
}

#[test]
fn every_part_of_the_object_counts() {
    let object = runtime(&key(4), nonce(1));
    let jwks = Runtime::new(nonce(1), object.keys().to_vec(), Some(Digest::of("keys")));
    let others = [
        runtime(&key(4), nonce(2)),
        runtime(&key(5), nonce(1)),
        Runtime::new(nonce(1), object.keys()[1..].to_vec(), None).unwrap(),
        jwks.unwrap(),
    ];
    for other in others {
        assert_ne!(other.report_data(), object.report_data());
    }
}

#[test]
fn exactly_one_signing_key_and_no_name_twice() {
    let refused = |keys| Runtime::new(nonce(1), keys, None).unwrap_err();
    let (one, two) = (jwk(&key(4)), jwk(&key(5)));
    assert_eq!(refused(vec![]), RuntimeRefusal::Signing);
    assert_eq!(refused(vec![Jwk::x25519(2, [0; 32])]), RuntimeRefusal::Signing);
    assert_eq!(refused(vec![one.clone(), two]), RuntimeRefusal::Signing);
    assert_eq!(refused(vec![one.clone(), one.clone()]), RuntimeRefusal::Names);
    let same = vec![one, Jwk::x25519(2, [0; 32]), Jwk::x25519(2, [1; 32])];
    assert_eq!(refused(same), RuntimeRefusal::Names);
    let many = (0..9).map(|id| Jwk::x25519(id, [0; 32])).collect();
    assert_eq!(refused(many), RuntimeRefusal::TooMany);
}

/// Members that we would drop could not be in the digest: they are refused instead.
#[test]
fn unknown_members_are_refused() {
    let mut json = serde_json::to_value(runtime(&key(4), nonce(1))).unwrap();
    json["more"] = json!(1);
    assert!(serde_json::from_value::<Runtime>(json).is_err());
}

#[test]
fn a_key_under_another_s_name_does_not_sign() {
    let mut json = serde_json::to_value(runtime(&key(4), nonce(1))).unwrap();
    json["keys"][2]["kid"] = json!(jwk(&key(5)).thumbprint());
    assert!(serde_json::from_value::<Runtime>(json).is_err());
}
