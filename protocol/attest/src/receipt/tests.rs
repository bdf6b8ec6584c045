use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::fixtures::{NOW, World, expectation, jwk, key, rng, workload};
use crate::jws;
use crate::token::{KeySet, TOKEN_LIFE_SECONDS};

const SIGNER: u8 = 31;

fn token() -> VerifiedToken {
    World::new().token("diagnosis", &key(SIGNER))
}

fn good() -> Receipt {
    Receipt {
        iss: workload("diagnosis"),
        sub: INFERENCE.to_owned(),
        iat: NOW.plus(5),
        jti: new_id(&mut rng(1)),
        model: Model {
            name: ModelName::parse("brain-mri").unwrap(),
            version: "1".to_owned(),
            digest: Digest::of("model"),
        },
        engine: "rten 0.27".to_owned(),
        request: Digest::of("request"),
        response: Digest::of("response"),
        token: token().digest(),
        policy: Digest::of("policy"),
        chain: vec![Digest::of("clinic's token")],
        line: Line { origin: "diagnosis.test/ledger".to_owned(), index: 4 },
    }
}

fn bundle(receipt: &Receipt, key_seed: u8) -> ReceiptBundle {
    ReceiptBundle {
        receipt: sign(receipt, &key(key_seed)),
        token: token().raw().to_owned(),
        jwks: World::new().keys(),
        attestor: None,
        ledger: json!({}),
        response: Digest::of("response"),
    }
}

fn offline(bundle: &ReceiptBundle) -> Result<VerifiedReceipt, ReceiptRefusal> {
    let keys = World::new().keys();
    verify_offline(bundle, &OfflineTrust::Keys(&keys), &expectation())
}

#[test]
fn a_good_receipt_verifies_against_its_token() {
    let verified = verify(&sign(&good(), &key(SIGNER)), &token()).unwrap();
    assert_eq!(verified.receipt(), &good());
    assert_eq!(verified.token().ledger_key(), Some([5; 32]));
}

#[test]
fn a_bundle_is_a_file_that_verifies_offline() {
    let json = serde_json::to_string(&bundle(&good(), SIGNER)).unwrap();
    let bundle: ReceiptBundle = serde_json::from_str(&json).unwrap();
    assert_eq!(offline(&bundle).unwrap().receipt(), &good());
    let thumbprints: BTreeSet<_> = World::new().keys().thumbprints().collect();
    let trust = OfflineTrust::Thumbprints(&thumbprints);
    assert!(verify_offline(&bundle, &trust, &expectation()).is_ok());
}

#[test]
fn a_receipt_by_another_key_is_refused() {
    let stranger = sign(&good(), &key(9));
    assert_eq!(verify(&stranger, &token()).unwrap_err(), ReceiptRefusal::Signature);
}

#[test]
fn a_receipt_for_another_token_or_workload_is_refused() {
    let other = Receipt { token: Digest::of("another token"), ..good() };
    let clinic = Receipt { iss: workload("clinic"), ..good() };
    for receipt in [other, clinic] {
        let refused = verify(&sign(&receipt, &key(SIGNER)), &token()).unwrap_err();
        assert_eq!(refused, ReceiptRefusal::Binding);
    }
}

#[test]
fn a_receipt_for_another_answer_is_refused() {
    let other = Receipt { response: Digest::of("another answer"), ..good() };
    assert_eq!(offline(&bundle(&other, SIGNER)).unwrap_err(), ReceiptRefusal::Response);
}

#[test]
fn a_receipt_from_outside_its_token_s_life_is_refused() {
    for iat in [NOW.minus(31), NOW.plus(TOKEN_LIFE_SECONDS)] {
        let receipt = Receipt { iat, ..good() };
        let refused = offline(&bundle(&receipt, SIGNER)).unwrap_err();
        assert!(matches!(refused, ReceiptRefusal::Token(_)), "{iat}");
    }
}

#[test]
fn keys_that_only_the_bundle_vouches_for_are_refused() {
    let strangers = KeySet::new(vec![jwk(&key(30))]).unwrap();
    let trust = OfflineTrust::Keys(&strangers);
    let refused = verify_offline(&bundle(&good(), SIGNER), &trust, &expectation()).unwrap_err();
    assert_eq!(refused, ReceiptRefusal::Keys);
    let nobody = BTreeSet::new();
    let trust = OfflineTrust::Thumbprints(&nobody);
    let refused = verify_offline(&bundle(&good(), SIGNER), &trust, &expectation()).unwrap_err();
    assert_eq!(refused, ReceiptRefusal::Keys);
}

#[test]
fn what_is_no_receipt_is_refused() {
    let kid = jwk(&key(SIGNER)).thumbprint().to_string();
    let other = jws::sign("JWT", &kid, &good(), &key(SIGNER));
    let empty = jws::sign(TYP, &kid, &json!({}), &key(SIGNER));
    for receipt in ["", &other, &empty] {
        assert_eq!(verify(receipt, &token()).unwrap_err(), ReceiptRefusal::Malformed);
    }
    let bundle = ReceiptBundle { receipt: empty, ..bundle(&good(), SIGNER) };
    assert_eq!(offline(&bundle).unwrap_err(), ReceiptRefusal::Malformed);
}
