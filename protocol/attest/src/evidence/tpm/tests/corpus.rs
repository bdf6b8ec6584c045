//! Quotes of TPMs elsewhere, where the folder with genuine evidence lies beside the
//! repository. Without it these tests say so and check nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::*;

/// The folder, or none.
fn corpus(folder: &str) -> Option<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence");
    let path = all.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {folder} is not beside the repository (../shared/evidence)");
    None
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks_exact(32).map(|one| Digest::from_bytes(one.try_into().unwrap())).collect()
}

/// A swtpm that another tool asked, over twelve registers.
#[test]
fn a_swtpm_of_the_corpus_is_read() {
    let Some(folder) = corpus("swtpm-raw") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (quote, registers) = (read("quote.msg"), digests(&read("pcrs.raw")));
    let attest = Attest::parse(&quote).unwrap();
    let nonce = Digest::from_bytes(attest.extra_data.as_slice().try_into().unwrap()).hex();
    assert_eq!(nonce.as_bytes(), read("nonce.hex").trim_ascii());
    let all: Vec<u8> = registers.iter().flat_map(|one| *one.bytes()).collect();
    assert_eq!(attest.pcr_digest, Digest::of(all).bytes());
    assert!(!attest.selects_all());
    let public = AkPublic::parse(&read("ak.pub")[2..]).unwrap();
    let signature = Signature::parse(&read("quote.sig")).unwrap();
    assert!(public.only_attests() && signature.is_of(&quote, public.key()));
    assert!(!signature.is_of(&quote[1..], public.key()));
}

/// A quote with an RSA key over 24 registers: the attestation is read, and neither the
/// selection nor the kind of signature is ours.
#[test]
fn a_tpm_of_the_corpus_with_an_rsa_key_is_read_and_not_accepted() {
    let Some(folder) = corpus("tpm/trustee") else { return };
    let file: Value =
        serde_json::from_slice(&std::fs::read(folder.join("tpm_evidence.json")).unwrap()).unwrap();
    let bytes = |name: &str| {
        let text = file["tpm_quote"][name].as_str().unwrap();
        let text = text.replace('+', "-").replace('/', "_");
        b64::decode(text.trim_end_matches('=')).unwrap()
    };
    let attest = Attest::parse(&bytes("message")).unwrap();
    assert!(!attest.selects_all());
    assert_eq!(attest.selection, [0xff; 3]);
    assert_eq!(Signature::parse(&bytes("signature")), Err(Malformed));
}
