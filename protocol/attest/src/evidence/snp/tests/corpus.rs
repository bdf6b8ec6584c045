//! Genuine reports (`../shared/evidence/snp`). Without the folder these tests say so and
//! check nothing.

use std::path::{Path, PathBuf};

use autoclave_base::UnixTime;
use serde_json::Value;

use super::super::*;
use super::machine::Shown;
use crate::evidence::certificate::Certificate;

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evidence");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: genuine evidence is not beside the repository (../shared/evidence)");
    None
}

/// All cases with certificates: name, what was expected of it, evidence.
fn cases() -> Vec<(String, Value, Shown)> {
    let Some(folder) = folder() else { return Vec::new() };
    let expected: Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut cases = Vec::new();
    for case in expected.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let read = |file: &str| std::fs::read(folder.join("snp").join(name).join(file));
        let Ok(vek) = read("vek.der") else { continue };
        let shown = Shown {
            report: read("report.bin").unwrap(),
            vek,
            ask: read("ask.der").unwrap(),
            ark: read("ark.der").ok(),
            crls: Vec::new(),
        };
        cases.push((name.to_owned(), case.clone(), shown));
    }
    assert!(cases.len() >= 11);
    cases
}

/// A second in the time of the key's certificate.
fn while_valid(shown: &Shown) -> UnixTime {
    Certificate::parse(&shown.vek).unwrap().ends().minus(1)
}

fn amd() -> SnpRoots {
    SnpRoots::amd(SnpPolicy::default())
}

#[test]
fn genuine_reports_verify_unless_they_may_be_debugged() {
    for (name, expected, shown) in cases() {
        let outcome = shown.verify_at(&amd(), while_valid(&shown));
        let policy = expected["policy"].as_str().unwrap().trim_start_matches("0x");
        let debug = u64::from_str_radix(policy, 16).unwrap() & (1 << 19) != 0;
        match outcome {
            Ok(guest) => {
                assert!(!debug && expected["verifies"].as_bool().unwrap(), "{name}");
                assert_eq!(guest.kind.as_str().to_uppercase(), expected["signing"], "{name}");
                assert_eq!(u64::from(guest.report.version()), expected["version"], "{name}");
                let issuer = expected["issuer"].as_str().unwrap();
                assert!(issuer.ends_with(guest.product.as_str()), "{name}");
            }
            Err(refusal) => assert!(debug && refusal == SnpRefusal::Debug, "{name}: {refusal:?}"),
        }
    }
}

#[test]
fn genuine_reports_are_refused_before_and_after_their_certificates_time() {
    for (name, _, shown) in cases() {
        for now in [UnixTime::from_seconds(1_600_000_000), while_valid(&shown).plus(2)] {
            let refusal = shown.verify_at(&amd(), now).err();
            assert_eq!(refusal, Some(SnpRefusal::Validity), "{name}");
        }
    }
}

#[test]
fn a_genuine_report_with_another_machines_key_is_refused() {
    let cases = cases();
    for (name, _, shown) in &cases {
        for (other, _, with) in cases.iter().filter(|(_, _, other)| other.vek != shown.vek) {
            let swapped = Shown { report: shown.report.clone(), ..with.clone() };
            let refusal = swapped.verify_at(&amd(), while_valid(with)).err();
            let named = matches!(refusal, Some(SnpRefusal::Signature | SnpRefusal::KeyKind));
            assert!(named, "{name} with the key of {other}: {refusal:?}");
        }
    }
}

/// Every byte of report and certificates. What may be changed: nothing.
#[test]
fn no_byte_of_a_genuine_report_or_its_chain_can_be_changed() {
    let Some((_, _, shown)) = cases().into_iter().find(|(name, ..)| name.contains("genoa_oc"))
    else {
        return;
    };
    let (roots, now) = (amd(), while_valid(&shown));
    assert!(shown.verify_at(&roots, now).is_ok());
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    };
    for at in 0..shown.report.len() {
        let bad = Shown { report: flipped(&shown.report, at), ..shown.clone() };
        assert!(bad.verify_at(&roots, now).is_err(), "report {at}");
    }
    for at in 0..shown.vek.len() {
        let bad = Shown { vek: flipped(&shown.vek, at), ..shown.clone() };
        assert!(bad.verify_at(&roots, now).is_err(), "vek {at}");
    }
    for at in 0..shown.ask.len() {
        let bad = Shown { ask: flipped(&shown.ask, at), ..shown.clone() };
        assert!(bad.verify_at(&roots, now).is_err(), "ask {at}");
    }
    let ark = shown.ark.clone().unwrap();
    for at in 0..ark.len() {
        let bad = Shown { ark: Some(flipped(&ark, at)), ..shown.clone() };
        assert!(bad.verify_at(&roots, now).is_err(), "ark {at}");
    }
}
