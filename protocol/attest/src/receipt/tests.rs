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
        chain: Vec::new(),
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

fn chain(names: &[&str]) -> Vec<String> {
    let token = |name: &&str| World::new().token(name, &key(12)).raw().to_owned();
    names.iter().map(token).collect()
}

/// The workloads of the chain beside a receipt that names these tokens.
fn names(named: &[String], beside: Vec<String>) -> Result<Option<Vec<String>>, ReceiptRefusal> {
    let receipt = Receipt { chain: named.iter().map(Digest::of).collect(), ..good() };
    let bundle = ReceiptBundle { chain: beside, ..bundle(&receipt, SIGNER) };
    let (receipt, keys) = (offline(&bundle)?, World::new().keys());
    let trust = OfflineTrust::Keys(&keys);
    let tokens = verify_chain_offline(&bundle, &receipt, &trust, &expectation())?;
    let name = |token: &VerifiedToken| token.workload().as_str().to_owned();
    Ok(tokens.map(|tokens| tokens.iter().map(name).collect()))
}

#[test]
fn the_tokens_of_a_receipt_s_chain_are_named_in_order() {
    let both = chain(&["broker", "clinic"]);
    let found = names(&both, both.clone()).unwrap().unwrap();
    assert_eq!(found, ["broker", "clinic"]);
    assert_eq!(names(&both, Vec::new()), Ok(None));
}

#[test]
fn tokens_that_are_not_the_chain_s_are_refused() {
    let both = chain(&["broker", "clinic"]);
    let swapped = vec![both[1].clone(), both[0].clone()];
    for other in [swapped, vec![both[0].clone()], [both.clone(), both.clone()].concat()] {
        assert_eq!(names(&both, other), Err(ReceiptRefusal::Chain));
    }
    let forged = vec![both[0].replace('.', "..")];
    assert!(matches!(names(&forged, forged.clone()), Err(ReceiptRefusal::Token(_))));
}
