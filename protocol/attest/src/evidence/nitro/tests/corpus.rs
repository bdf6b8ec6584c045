//! Genuine documents (`../shared/evidence/nitro`). Without the folder these tests say so and
//! check nothing.

use std::path::Path;

use autoclave_base::UnixTime;

use super::super::*;
use crate::evidence::EvidenceRefusal;

fn genuine(name: &str) -> Option<Vec<u8>> {
    let folder = "../../../shared/evidence/nitro/attestation-doc-validation";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    if path.is_file() {
        return Some(std::fs::read(path).unwrap());
    }
    println!("skipped: genuine evidence is not beside the repository (../shared/evidence)");
    None
}

fn time_of(document: &[u8]) -> UnixTime {
    UnixTime::from_seconds(Document::parse(document).unwrap().timestamp_ms / 1000)
}

#[test]
fn a_genuine_document_verifies_at_its_own_time_only() {
    let Some(document) = genuine("valid-attestation-doc-bytes") else { return };
    let (verifier, now) = (NitroVerifier::new(), time_of(&document));
    assert!(verifier.verify_document(&document, now).is_ok());
    let later = verifier.verify_document(&document, now.plus(3600)).unwrap_err();
    assert_eq!(later, EvidenceRefusal::Stale);
    let years = verifier.verify_document(&document, now.plus(100_000_000)).unwrap_err();
    assert_eq!(years, EvidenceRefusal::Nitro(NitroRefusal::Validity));
    for at in 0..document.len() {
        let mut bad = document.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(verifier.verify_document(&bad, now).is_err(), "byte {at}");
    }
}

#[test]
fn a_genuine_document_of_a_debugged_enclave_is_refused() {
    let Some(document) = genuine("debug-mode-attestation-doc-bytes") else { return };
    let refusal = NitroVerifier::new().verify_document(&document, time_of(&document));
    assert_eq!(refusal.unwrap_err(), EvidenceRefusal::Nitro(NitroRefusal::Debug));
}
