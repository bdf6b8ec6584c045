//! One thing wrong at a time, in a made-up VM's evidence that is right otherwise.

use autoclave_base::Digest;
use serde_json::json;

use super::super::*;
use super::machine::{NONCE, Vm, attest, evidence, hcl};
use crate::evidence::snp::SnpRefusal;
use crate::evidence::snp::tests::machine::NOW;
use crate::evidence::{Endorsements, EvidenceRefusal, TeeKind, Verifier as _};

fn refusal(vm: &Vm, body: &AzureSnpBody) -> EvidenceRefusal {
    let evidence = evidence(body);
    vm.verifier().verify_unbound(&evidence, &Endorsements::new(), NOW).unwrap_err()
}

fn azure(refusal: AzureRefusal) -> EvidenceRefusal {
    EvidenceRefusal::Azure(refusal)
}

#[test]
fn both_layers_of_a_vm_are_verified_and_said() {
    let vm = Vm::new();
    let evidence = evidence(&vm.body());
    let unbound = vm.verifier().verify_unbound(&evidence, &Endorsements::new(), NOW).unwrap();
    let claims = unbound.claims();
    assert!(claims.are_consistent() && claims.hw_backed && !claims.debug);
    assert_eq!(claims.kind, TeeKind::AzureSnp);
    assert_eq!(claims.layers[0].kind, TeeKind::Snp);
    assert_eq!(claims.layers[0].hardware_id, claims.hardware_id);
    assert_eq!(claims.measurements["pcr23"].bytes(), Digest::of([23]).bytes());
    let mut data = [0; 64];
    data[..32].copy_from_slice(&NONCE);
    assert!(unbound.clone().bind(&data).is_ok());
    data[63] = 1;
    assert_eq!(unbound.bind(&data).unwrap_err(), EvidenceRefusal::ReportData);
}

#[test]
fn the_layer_below_is_judged_as_its_own_kind() {
    let vm = Vm::new();
    let debugged = vm.machine.with(8, &0xb_0000_u64.to_le_bytes()).report;
    let body = AzureSnpBody { hcl_report: hcl(2, &debugged, &vm.data()), ..vm.body() };
    assert_eq!(refusal(&vm, &body), EvidenceRefusal::Snp(SnpRefusal::Debug));
    let body = AzureSnpBody { vek: None, ..vm.body() };
    assert_eq!(refusal(&vm, &body), EvidenceRefusal::Snp(SnpRefusal::CertificateMissing));
    let stranger = AzureSnpVerifier::new(&crate::evidence::SnpPolicy::default());
    let none = Endorsements::new();
    let outcome = stranger.verify_unbound(&evidence(&vm.body()), &none, NOW);
    assert_eq!(outcome.unwrap_err(), EvidenceRefusal::Snp(SnpRefusal::Root));
}

#[test]
fn layers_of_two_machines_never_verify_together() {
    let (one, mut two) = (Vm::new(), Vm::new());
    two.machine.chip = vec![0xa5; 64];
    let report = two.machine.with(0x50, &[1; 64]).report;
    // Runtime data of one around a report of the other, whose key is shown.
    let body = AzureSnpBody { hcl_report: hcl(2, &report, &one.data()), ..two.body() };
    assert_eq!(refusal(&two, &body), azure(AzureRefusal::RuntimeData));
    let body = AzureSnpBody { hcl_report: two.body().hcl_report, ..one.body() };
    assert_eq!(refusal(&one, &body), EvidenceRefusal::Snp(SnpRefusal::Signature));
}

#[test]
fn runtime_data_must_be_those_that_the_hardware_vouches_for() {
    let vm = Vm::new();
    let good = vm.data();
    let mut digest = [0; 64];
    digest[..32].copy_from_slice(Digest::of(&good).bytes());
    digest[63] = 1;
    let report = vm.machine.with(0x50, &digest).report;
    let body = AzureSnpBody { hcl_report: hcl(2, &report, &good), ..vm.body() };
    assert_eq!(refusal(&vm, &body), azure(AzureRefusal::RuntimeData));
    for kind in [0, 3] {
        let body = AzureSnpBody { hcl_report: hcl(kind, &report, &good), ..vm.body() };
        assert_eq!(refusal(&vm, &body), azure(AzureRefusal::Report), "{kind}");
    }
    let tdx = hcl(4, &[0; 1024], &good);
    let body = AzureSnpBody { hcl_report: tdx, ..vm.body() };
    assert_eq!(refusal(&vm, &body), azure(AzureRefusal::Hardware));
}

#[test]
fn runtime_data_must_name_one_attestation_key() {
    let change = |path: &str, value: serde_json::Value| {
        let mut vm = Vm::new();
        *vm.runtime.pointer_mut(path).unwrap() = value;
        refusal(&vm, &vm.body())
    };
    assert_eq!(change("/keys/0/kid", json!("other")), azure(AzureRefusal::Key));
    assert_eq!(change("/keys/1/kid", json!("HCLAkPub")), azure(AzureRefusal::Key));
    assert_eq!(change("/keys/0/kty", json!("EC")), azure(AzureRefusal::Key));
    assert_eq!(change("/keys/0/e", json!("Aw")), azure(AzureRefusal::Key));
    assert_eq!(change("/keys/0/n", json!("AQAB")), azure(AzureRefusal::Key));
    assert_eq!(change("/keys/0/key_ops", json!(["sign", "encrypt"])), azure(AzureRefusal::Key));
    assert_eq!(change("/user-data", json!("0g")), azure(AzureRefusal::Report));
    assert_eq!(change("/keys", json!(7)), azure(AzureRefusal::Report));
}

#[test]
fn the_quote_must_be_over_all_registers_of_one_bank() {
    let vm = Vm::new();
    let all: Vec<u8> = vm.pcrs.iter().flat_map(|pcr| *pcr.bytes()).collect();
    let digest = *Digest::of(all).bytes();
    let with = |message: Vec<u8>| {
        let body = AzureSnpBody { quote: vm.signed(message), ..vm.body() };
        refusal(&vm, &body)
    };
    for selection in [[0xff, 0xff, 0x7f].as_slice(), &[0xff; 2], &[0xff; 4], &[]] {
        let refusal = with(attest(&NONCE, 0x000b, selection, &digest));
        assert_eq!(refusal, azure(AzureRefusal::Selection), "{selection:?}");
    }
    for bank in [0x0004, 0x000c, 0] {
        let refusal = with(attest(&NONCE, bank, &[0xff; 3], &digest));
        assert_eq!(refusal, azure(AzureRefusal::Selection), "{bank}");
    }
    assert_eq!(with(attest(&NONCE, 0x000b, &[0xff; 3], &[1; 32])), azure(AzureRefusal::Pcrs));
    assert_eq!(with(b"anything".to_vec()), azure(AzureRefusal::Quote));
    let mut certify = attest(&NONCE, 0x000b, &[0xff; 3], &digest);
    certify[5] = 0x17;
    assert_eq!(with(certify), azure(AzureRefusal::Quote));
    let mut body = vm.body();
    body.quote.pcrs[8] = Digest::of("other");
    assert_eq!(refusal(&vm, &body), azure(AzureRefusal::Pcrs));
    let mut body = vm.body();
    body.quote.signature[7] ^= 1;
    assert_eq!(refusal(&vm, &body), azure(AzureRefusal::Signature));
}

/// Every byte, one bit each: the header's version is the one thing that nobody signs, and
/// it has no other value one bit away.
#[test]
fn no_byte_of_a_vms_evidence_can_be_changed() {
    let vm = Vm::new();
    let (good, verifier, none) = (vm.body(), vm.verifier(), Endorsements::new());
    let holds = |body: &AzureSnpBody| verifier.verify_unbound(&evidence(body), &none, NOW).is_ok();
    assert!(holds(&good));
    for at in 0..good.hcl_report.len() {
        let mut bad = good.clone();
        bad.hcl_report[at] ^= 1 << (at % 8);
        assert!(!holds(&bad), "report {at}");
    }
    for at in 0..good.quote.message.len() {
        let mut bad = good.clone();
        bad.quote.message[at] ^= 1 << (at % 8);
        assert!(!holds(&bad), "message {at}");
    }
    for at in 0..good.quote.signature.len() {
        let mut bad = good.clone();
        bad.quote.signature[at] ^= 1 << (at % 8);
        assert!(!holds(&bad), "signature {at}");
    }
    for end in (0..good.hcl_report.len()).step_by(11) {
        let hcl_report = good.hcl_report[..end].to_vec();
        let cut = AzureSnpBody { hcl_report, ..good.clone() };
        // The zeros that fill the index are no part of it.
        assert_eq!(holds(&cut), end >= good.hcl_report.len() - 40, "{end}");
    }
}
