//! A receipt of a development deployment, whole and with one part altered at a time.

use autoclave_base::Digest;
use serde_json::{Value, json};

use super::*;
use crate::trust;

const RECEIPT: &str = include_str!("../../tests/fixtures/receipt.json");
const OTHER_LINE: &str = include_str!("../../tests/fixtures/other_line.json");
const TRUST: &str = include_str!("../../tests/fixtures/trust.json");
const STRANGER: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn check(
    receipt: Value,
    trust_file: &Value,
    workload: &str,
) -> Result<CheckedReceipt, ReceiptError> {
    let mut receipt = receipt;
    receipt.as_object_mut().unwrap().remove("result");
    let bundle: ReceiptBundle = serde_json::from_value(receipt).unwrap();
    let trust = trust::parse(trust_file.to_string().as_bytes()).unwrap();
    verify(&bundle, &trust, &WorkloadName::parse(workload).unwrap())
}

/// The code with which a receipt that was altered is refused.
fn altered(alter: impl FnOnce(&mut Value)) -> &'static str {
    let mut receipt = json(RECEIPT);
    alter(&mut receipt);
    check(receipt, &json(TRUST), "diagnosis").err().map_or("accepted", |error| error.code())
}

/// Another character in the middle of a JWS's last part, its signature.
fn break_signature(jws: &mut Value) {
    let text = jws.as_str().unwrap();
    let (head, signature) = text.rsplit_once('.').unwrap();
    let (left, right) = signature.split_at(20);
    let other = if right.starts_with('A') { 'B' } else { 'A' };
    *jws = json!(format!("{head}.{left}{other}{}", &right[1..]));
}

#[test]
fn a_whole_receipt_holds_for_ever() {
    let checked = check(json(RECEIPT), &json(TRUST), "diagnosis").unwrap();
    assert_eq!(checked.receipt().receipt().model.name.as_str(), "brain-mri");
    assert_eq!(checked.proof().index, checked.receipt().receipt().line.index);
    assert_eq!(checked.entry().event.name(), "result");
    let result = json(RECEIPT)["result"].clone();
    let digest = autoclave_base::jcs::digest(&result).unwrap();
    assert_eq!(digest, checked.receipt().receipt().response);
}

#[test]
fn every_altered_part_is_refused() {
    assert_eq!(altered(|it| break_signature(&mut it["receipt"])), "receipt.signature");
    assert_eq!(altered(|it| break_signature(&mut it["token"])), "token.signature");
    assert_eq!(
        altered(|it| break_signature(&mut it["attestor"]["manifest"])),
        "manifest.signature"
    );
    assert_eq!(
        altered(|it| break_signature(&mut it["attestor"]["evidence"]["body"])),
        "evidence.signature"
    );
    let other = json!(Digest::of("another answer"));
    assert_eq!(altered(|it| it["response"] = other), "receipt.response");
    assert_eq!(altered(|it| it["receipt"] = json!("x.y.z")), "receipt.malformed");
}

#[test]
fn the_attestors_evidence_must_be_there() {
    let without = altered(|it| {
        it.as_object_mut().unwrap().remove("attestor");
    });
    assert_eq!(without, "receipt.no_attestor");
}

#[test]
fn the_ledger_line_must_be_proven_and_be_this_receipts() {
    assert_eq!(altered(|it| it["ledger"] = Value::Null), "receipt.proof_malformed");
    assert_eq!(altered(|it| it["ledger"]["hashes"] = json!([])), "ledger.proof_length");
    assert_eq!(altered(|it| it["ledger"]["size"] = json!(99)), "ledger.proof_mismatch");
    assert_eq!(altered(|it| it["ledger"] = json(OTHER_LINE)), "receipt.line");
}

#[test]
fn other_trust_refuses_it() {
    let mut root = json(TRUST);
    root["roots"][0]["jwk"] = json(STRANGER);
    let mut release = json(TRUST);
    release["release_keys"] = json!([json(STRANGER)]);
    let mut newer = json(TRUST);
    newer["manifest_serial_min"] = json!(u64::MAX);
    let mut issuer = json(TRUST);
    issuer["issuer"] = json!("http://somebody.test");
    let code = |trust: &Value| check(json(RECEIPT), trust, "diagnosis").err().unwrap().code();
    assert_eq!(code(&root), "evidence.root_unknown");
    assert_eq!(code(&release), "manifest.key_unknown");
    assert_eq!(code(&newer), "manifest.serial");
    assert_eq!(code(&issuer), "token.issuer");
}

#[test]
fn a_receipt_of_another_workload_is_none() {
    let error = check(json(RECEIPT), &json(TRUST), "clinic").err().unwrap();
    assert_eq!(error.code(), "token.measurement");
}
