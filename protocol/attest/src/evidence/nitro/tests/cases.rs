//! One thing wrong at a time, in a document that is right otherwise.

use autoclave_base::cbor::Value;
use rcgen::{CertifiedIssuer, date_time_ymd};

use super::super::*;
use super::enclave::{Enclave, NOW, key, params};
use crate::evidence::{Endorsements, Evidence, EvidenceRefusal, TeeKind, Verifier as _};

fn nitro(refusal: NitroRefusal) -> EvidenceRefusal {
    EvidenceRefusal::Nitro(refusal)
}

#[test]
fn a_document_verifies_and_is_bound_to_what_the_enclave_handed_in() {
    let enclave = Enclave::new();
    let body = NitroBody { document: enclave.document() };
    let evidence = Evidence { kind: TeeKind::Nitro, body: serde_json::to_string(&body).unwrap() };
    let verifier = enclave.verifier();
    let none = Endorsements::new();
    let unbound = verifier.verify_unbound(&evidence, &none, NOW).unwrap();
    let claims = unbound.claims();
    assert!(claims.are_consistent() && claims.hw_backed && !claims.debug);
    assert_eq!(claims.measurements["pcr1"].bytes(), [2; 48]);
    assert_eq!(claims.measurements.len(), 16);
    assert!(claims.signer.is_none() && claims.hardware_id.is_some());
    assert!(unbound.clone().bind(&[7; 64]).is_ok());
    assert_eq!(unbound.bind(&[8; 64]).unwrap_err(), EvidenceRefusal::ReportData);
}

#[test]
fn what_is_too_long_for_report_data_is_nobodys() {
    let enclave = Enclave::new().with("user_data", Value::bytes([7; 65]));
    let body = NitroBody { document: enclave.document() };
    let evidence = Evidence { kind: TeeKind::Nitro, body: serde_json::to_string(&body).unwrap() };
    let unbound = enclave.verifier().verify_unbound(&evidence, &Endorsements::new(), NOW).unwrap();
    assert_eq!(unbound.report_data(), &[0; 64]);
}

#[test]
fn debugged_enclaves_are_refused() {
    for zero in 0..3_usize {
        let mut enclave = Enclave::new();
        let pcrs = (0..3_usize).map(|index| {
            let value = if index == zero { [0; 48] } else { [1; 48] };
            (Value::Uint(index as u64), Value::bytes(value))
        });
        enclave.set("pcrs", Value::Map(pcrs.collect()));
        assert_eq!(enclave.refusal(), nitro(NitroRefusal::Debug), "{zero}");
    }
    let two = [(Value::Uint(0), Value::bytes([1; 48])), (Value::Uint(1), Value::bytes([1; 48]))];
    let enclave = Enclave::new().with("pcrs", Value::Map(two.to_vec()));
    assert_eq!(enclave.refusal(), nitro(NitroRefusal::Debug));
}

#[test]
fn documents_are_as_fresh_as_their_time() {
    let enclave = Enclave::new();
    let (verifier, document) = (enclave.verifier(), enclave.document());
    let at = |now| verifier.verify_document(&document, now).err();
    assert_eq!(at(NOW.plus(300)), None);
    assert_eq!(at(NOW.plus(301)), Some(EvidenceRefusal::Stale));
    assert_eq!(at(NOW.minus(30)), None);
    assert_eq!(at(NOW.minus(31)), Some(EvidenceRefusal::NotYetValid));
    assert_eq!(at(NOW.plus(40 * 86400)), Some(nitro(NitroRefusal::Validity)));
    assert_eq!(at(NOW.minus(40 * 86400)), Some(nitro(NitroRefusal::Validity)));
}

#[test]
fn other_algorithms_and_headers_are_refused() {
    for protected in [vec![0xa1, 0x01, 0x26], vec![0xa0], Vec::new()] {
        let enclave = Enclave { protected, ..Enclave::new() };
        assert_eq!(enclave.refusal(), nitro(NitroRefusal::Algorithm));
    }
    let unprotected = vec![(Value::Uint(1), Value::int(-35))];
    let enclave = Enclave { unprotected, ..Enclave::new() };
    assert_eq!(enclave.refusal(), nitro(NitroRefusal::Algorithm));
}

#[test]
fn fields_out_of_bounds_are_refused() {
    let pcr =
        |index: Value, length: usize| Value::Map(vec![(index, Value::bytes(vec![1; length]))]);
    let cases = [
        ("module_id", Value::text("")),
        ("module_id", Value::text("x".repeat(257))),
        ("digest", Value::text("SHA256")),
        ("timestamp", Value::Uint(0)),
        ("timestamp", Value::int(-1)),
        ("pcrs", Value::Map(Vec::new())),
        ("pcrs", pcr(Value::Uint(0), 32)),
        ("pcrs", pcr(Value::Uint(32), 48)),
        ("pcrs", pcr(Value::int(-1), 48)),
        ("certificate", Value::bytes([])),
        ("certificate", Value::bytes([0; 1025])),
        ("cabundle", Value::Array(Vec::new())),
        ("cabundle", Value::Array(vec![Value::bytes([1]); 9])),
        ("user_data", Value::bytes([1; 1025])),
        ("nonce", Value::text("x")),
        ("public_key", Value::Uint(1)),
    ];
    for (name, value) in cases {
        let text = format!("{name} {value:?}");
        let enclave = Enclave::new().with(name, value);
        assert_eq!(enclave.refusal(), nitro(NitroRefusal::Document), "{text}");
    }
    let mut enclave = Enclave::new();
    enclave.fields.push((Value::text("other"), Value::Null));
    assert_eq!(enclave.refusal(), nitro(NitroRefusal::Document));
    for missing in 0..6 {
        let mut enclave = Enclave::new();
        enclave.fields.remove(missing);
        assert_eq!(enclave.refusal(), nitro(NitroRefusal::Document), "{missing}");
    }
    let enclave = Enclave::new();
    let mut long = enclave.document();
    long.resize(17 * 1024, 0);
    let refusal = enclave.verifier().verify_document(&long, NOW).unwrap_err();
    assert_eq!(refusal, nitro(NitroRefusal::Document));
}

#[test]
fn chains_that_are_not_amazons_are_refused() {
    let enclave = Enclave::new();
    let aws = NitroVerifier::new().verify_document(&enclave.document(), NOW);
    assert_eq!(aws.unwrap_err(), nitro(NitroRefusal::Root));
    let bundle =
        |ders: &[&[u8]]| Value::Array(ders.iter().map(|der| Value::bytes(der.to_vec())).collect());
    let (root, zone) = (enclave.root.der().to_vec(), enclave.zone.der().to_vec());
    let without = Enclave::new();
    let without = Enclave { fields: without.fields, ..enclave };
    // The bundle of another enclave, with its root, under a leaf of ours.
    assert_eq!(without.refusal(), nitro(NitroRefusal::Root));
    let mut short = without;
    short.set("certificate", Value::bytes(short.leaf.clone()));
    short.set("cabundle", bundle(&[&root]));
    assert_eq!(short.refusal(), nitro(NitroRefusal::Chain));
    short.set("cabundle", bundle(&[&root, &zone, &root]));
    assert_eq!(short.refusal(), nitro(NitroRefusal::Chain));
    short.set("cabundle", bundle(&[&root, &[0x30, 0]]));
    assert_eq!(short.refusal(), nitro(NitroRefusal::Certificate));
    short.set("cabundle", bundle(&[&root, &zone]));
    assert!(short.verifier().verify_document(&short.document(), NOW).is_ok());
}

#[test]
fn leaves_that_are_authorities_or_over_are_refused() {
    let leaf = |authority: bool, expired: bool| {
        let mut enclave = Enclave::new();
        let mut params = params("module", authority);
        if expired {
            params.not_after = date_time_ymd(2026, 11, 19);
        }
        let key = key();
        let leaf = params.signed_by(&key, &enclave.zone).unwrap().der().to_vec();
        enclave.set("certificate", Value::bytes(leaf));
        enclave.refusal()
    };
    assert_eq!(leaf(true, false), nitro(NitroRefusal::Chain));
    assert_eq!(leaf(false, true), nitro(NitroRefusal::Validity));
    // Signed by another key than the leaf's.
    assert_eq!(leaf(false, false), nitro(NitroRefusal::Signature));
    let mut enclave = Enclave::new();
    let zone = CertifiedIssuer::signed_by(params("zone", false), key(), &enclave.root).unwrap();
    let chain = [enclave.root.der().to_vec(), zone.der().to_vec()].map(Value::bytes);
    enclave.set("cabundle", Value::Array(chain.to_vec()));
    assert_eq!(enclave.refusal(), nitro(NitroRefusal::Chain));
}

/// Every byte, one bit each.
#[test]
fn no_byte_of_a_document_can_be_changed() {
    let enclave = Enclave::new();
    let (verifier, good) = (enclave.verifier(), enclave.document());
    assert!(verifier.verify_document(&good, NOW).is_ok());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(verifier.verify_document(&bad, NOW).is_err(), "byte {at}");
    }
    for end in (0..good.len()).step_by(7) {
        assert!(verifier.verify_document(&good[..end], NOW).is_err(), "{end}");
    }
}
