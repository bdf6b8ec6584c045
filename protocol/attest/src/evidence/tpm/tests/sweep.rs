//! Whatever is changed in evidence, and whatever is sent in its place, is refused.

use rand::{Rng as _, RngExt as _};

use super::super::*;
use super::captured::{Captured, data};
use crate::evidence::certificate::Certificate;
use crate::evidence::{Endorsements, Verifier as _};
use crate::fixtures::{NOW, rng};

/// Random inputs for each parser.
const RUNS: usize = 20_000;

#[test]
fn no_byte_of_tpm_evidence_can_be_changed() {
    let captured = Captured::read();
    let verifier = TpmVerifier::new(&captured.root()).unwrap();
    let good = captured.body().into_evidence().body.into_bytes();
    let judge = |bytes: &[u8]| {
        let Ok(body) = std::str::from_utf8(bytes) else { return false };
        let evidence = Evidence { kind: TeeKind::Tpm, body: body.to_owned() };
        verifier.verify(&evidence, &data(), &Endorsements::new(), NOW).is_ok()
    };
    assert!(judge(&good));
    let mut random = rng(1);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << random.random_range(0..8);
        assert!(!judge(&bad), "byte {at}: {}", String::from_utf8_lossy(&bad[at..=at]));
    }
}

#[test]
fn no_byte_of_a_tpm_structure_can_be_changed() {
    let captured = Captured::read();
    let verifier = TpmVerifier::new(&captured.root()).unwrap();
    let refused = |body: Body| {
        assert!(
            verifier.verify(&body.into_evidence(), &data(), &Endorsements::new(), NOW).is_err()
        );
    };
    let mut random = rng(3);
    let mut flip = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << random.random_range(0..8);
        bytes
    };
    let body = captured.body();
    for at in 0..body.quote.len() {
        refused(Body { quote: flip(&body.quote, at), ..body.clone() });
    }
    for at in 0..body.signature.len() {
        refused(Body { signature: flip(&body.signature, at), ..body.clone() });
    }
    for (which, der) in body.ek.iter().enumerate() {
        for at in 0..der.len() {
            let mut ek = body.ek.clone();
            ek[which] = flip(der, at);
            refused(Body { ek, ..body.clone() });
        }
    }
}

/// Every prefix, and bytes that are anything: refused or read, but never a panic.
#[test]
fn parsers_survive_anything() {
    let captured = Captured::read();
    let seeds = [&captured.quote, &captured.signature, &captured.ak_public];
    let mut random = rng(2);
    for run in 0..RUNS {
        let mut bytes = if run % 2 == 0 {
            seeds[run / 2 % seeds.len()].clone()
        } else {
            vec![0; random.random_range(0..600)]
        };
        let touched = random.random_range(0..=bytes.len());
        random.fill_bytes(&mut bytes[touched..]);
        bytes.truncate(random.random_range(0..=bytes.len()));
        let _ = (Attest::parse(&bytes), AkPublic::parse(&bytes), Signature::parse(&bytes));
        let _ = Certificate::parse(&bytes);
    }
    let verifier = TpmVerifier::new(&captured.root()).unwrap();
    let body = captured.body().into_evidence().body;
    for end in 0..body.len() {
        let evidence = Evidence { kind: TeeKind::Tpm, body: body[..end].to_owned() };
        assert!(verifier.verify(&evidence, &data(), &Endorsements::new(), NOW).is_err());
    }
}
