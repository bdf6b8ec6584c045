use p256::ecdsa::SigningKey;
use serde_json::json;

use super::*;
use crate::fixtures::{NOW, World, key, manifest, nonce, runtime, subject};
use crate::jwk::Jwk;

fn signer(key: &SigningKey) -> CorimKey {
    serde_json::from_value(serde_json::to_value(Jwk::signing(key.verifying_key())).unwrap())
        .unwrap()
}

fn corim() -> Corim {
    let accepted = |fill: u8, length| BTreeSet::from([HexBytes::of(vec![fill; length])]);
    Corim {
        id: "hospital/7".to_owned(),
        not_before: NOW.minus(10),
        not_after: NOW.plus(1000),
        references: vec![
            Reference {
                kind: TeeKind::Snp,
                vendor: "hospital".to_owned(),
                model: "segmenter".to_owned(),
                version: Some("1.2".to_owned()),
                measurements: vec![
                    ("launch_measurement".to_owned(), accepted(1, 48)),
                    ("host_data".to_owned(), accepted(2, 32)),
                ],
                svn_min: Some(3),
            },
            Reference {
                kind: TeeKind::Software,
                vendor: "hospital".to_owned(),
                model: "other".to_owned(),
                version: None,
                measurements: vec![(WHOLE.to_owned(), accepted(3, 32))],
                svn_min: None,
            },
        ],
    }
}

#[test]
fn what_is_signed_is_read_again() {
    let (ours, signed) = (signer(&key(4)), sign(&corim(), "hospital", &key(4)));
    let verified = verify(&signed, &[signer(&key(5)), ours.clone()], NOW).unwrap();
    assert_eq!(*verified.corim(), corim());
    assert_eq!((verified.signer(), verified.digest()), (ours.thumbprint(), Digest::of(&signed)));
    assert_eq!(ours.thumbprint(), Jwk::signing(key(4).verifying_key()).thumbprint().digest());
}

#[test]
fn unsigned_reference_values_are_refused_by_name() {
    let signed = Value::parse(&sign(&corim(), "hospital", &key(4))).unwrap();
    let parts = signed.tagged(TAG_SIGN1).unwrap().as_array().unwrap();
    let bare = parts[2].as_bytes().unwrap();
    let refused = verify(bare, &[signer(&key(4))], NOW).unwrap_err();
    assert_eq!((refused, refused.code()), (CorimRefusal::Unsigned, "corim.unsigned"));
}

#[test]
fn a_stranger_a_wrong_time_and_every_flipped_bit_are_refused() {
    let (ours, signed) = ([signer(&key(4))], sign(&corim(), "hospital", &key(4)));
    let at = |time| verify(&signed, &ours, time).map(drop);
    assert_eq!(at(NOW.plus(1000)), Err(CorimRefusal::Expired));
    assert_eq!(at(NOW.minus(41)), Err(CorimRefusal::NotYetValid));
    assert_eq!(verify(&signed, &[signer(&key(5))], NOW), Err(CorimRefusal::Signer));
    assert_eq!(verify(&signed, &[], NOW), Err(CorimRefusal::Signer));
    let long = vec![0; CORIM_BYTES_MAX + 1];
    assert_eq!(verify(&long, &ours, NOW), Err(CorimRefusal::TooLarge));
    for bit in 0..signed.len() * 8 {
        let mut flipped = signed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&flipped, &ours, NOW).is_err(), "bit {bit}");
    }
    for end in 0..signed.len() {
        assert!(verify(&signed[..end], &ours, NOW).is_err(), "cut at {end}");
    }
}

/// Signs `payload` as it is, in a head that says `algorithm`.
fn signed_as(payload: &Value, algorithm: i64) -> Vec<u8> {
    use p256::ecdsa::Signature;
    use p256::ecdsa::signature::Signer as _;
    let kid = signer(&key(4)).thumbprint();
    let protected = Value::map([
        (1, Value::int(algorithm)),
        (3, Value::text(CONTENT_TYPE)),
        (4, Value::bytes(*kid.bytes())),
    ]);
    let (protected, payload) = (protected.to_bytes(), payload.to_bytes());
    let signature: Signature = key(4).sign(&signed(&protected, &payload));
    let parts = vec![
        Value::bytes(protected),
        Value::Map(vec![]),
        Value::bytes(payload),
        Value::bytes(signature.to_bytes().to_vec()),
    ];
    Value::tag(TAG_SIGN1, Value::Array(parts)).to_bytes()
}

/// What is not understood might take back what is.
#[test]
fn statements_of_another_profile_make_the_whole_refused() {
    let good = Value::parse(&sign(&corim(), "x", &key(4))).unwrap();
    let parts = good.tagged(TAG_SIGN1).unwrap().as_array().unwrap();
    let payload = Value::parse(parts[2].as_bytes().unwrap()).unwrap();
    let verdict = |payload: &Value, algorithm| {
        verify(&signed_as(payload, algorithm), &[signer(&key(4))], NOW).map(drop)
    };
    assert_eq!(verdict(&payload, -7), Ok(()));
    assert_eq!(verdict(&payload, -35), Err(CorimRefusal::Signature));
    assert_eq!(verdict(&payload, -8), Err(CorimRefusal::Algorithm));
    let changed = |key: i64, value: Option<Value>| {
        let pairs = payload.tagged(TAG_CORIM).unwrap().as_map().unwrap().iter().cloned();
        let mut pairs: Vec<_> = pairs.filter(|(found, _)| found.as_int() != Some(key)).collect();
        pairs.extend(value.map(|value| (Value::int(key), value)));
        Value::tag(TAG_CORIM, Value::Map(pairs))
    };
    let swid = Value::Array(vec![Value::tag(505, Value::bytes([0xa0]))]);
    for (key, value) in [
        (2, Some(Value::Array(vec![]))),
        (3, None),
        (3, Some(Value::tag(TAG_URI, Value::text("tag:other")))),
        (4, None),
        (1, Some(swid)),
    ] {
        assert_eq!(verdict(&changed(key, value), -7), Err(CorimRefusal::Profile), "{key}");
    }
}

#[test]
fn keys_are_on_two_curves_and_no_other() {
    let key = |value: serde_json::Value| serde_json::from_value::<CorimKey>(value);
    let part = |length: usize| b64(&vec![7; length]);
    let p384 = json!({"kty": "EC", "crv": "P-384", "x": part(48), "y": part(48), "use": "sig"});
    assert!(key(p384).is_ok());
    for (crv, length) in [("P-521", 66), ("P-256", 48), ("secp256k1", 32)] {
        let wrong = json!({"kty": "EC", "crv": crv, "x": part(length), "y": part(length)});
        assert!(key(wrong).is_err(), "{crv}");
    }
}

fn b64(bytes: &[u8]) -> String {
    autoclave_base::b64::encode(bytes)
}

/// A manifest's releases and the evidence of one of them go together.
#[test]
fn our_manifest_s_values_are_met_by_evidence_of_its_releases_only() {
    let world = World::new();
    let signed = sign(&Corim::of_manifest(&manifest()), "autoclave", &key(4));
    let verified = verify(&signed, &[signer(&key(4))], NOW).unwrap();
    let claims =
        |name| world.verified(&subject(name), &runtime(&key(4), nonce(1))).claims().clone();
    assert_eq!(verified.find(&claims("clinic"), NOW).unwrap().model, "clinic");
    assert_eq!(verified.find(&claims("stranger"), NOW), None);
    assert_eq!(verified.find(&claims("clinic"), NOW.plus(1_000_000)), None, "it ended");
    let mut older = claims("clinic");
    older.svn = 0;
    assert_eq!(verified.find(&older, NOW), None);
    let mut elsewhere = claims("clinic");
    elsewhere.kind = TeeKind::Tpm;
    assert_eq!(verified.find(&elsewhere, NOW), None);
}
