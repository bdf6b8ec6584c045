use serde_json::json;

use super::software::{Subject, TYP, quote};
use super::*;
use crate::fixtures::{NOW, World, jwk, key, nonce, runtime, subject};
use crate::jwk::Jwk;
use crate::jws;
use crate::runtime::ReportData;

fn world_and_data() -> (World, ReportData) {
    (World::new(), runtime(&key(4), nonce(1)).report_data())
}

#[test]
fn verified_evidence_says_what_was_measured() {
    let (world, data) = world_and_data();
    let code = subject("clinic");
    let evidence = quote(&code, &data, NOW, &world.root);
    let verified =
        world.trust().verifiers().verify(&evidence, &data, &Endorsements::new(), NOW).unwrap();
    let claims = verified.claims();
    assert_eq!(claims.measured.as_ref(), Some(&code.measured));
    assert_eq!(claims.measurement, code.measured.measurement());
    assert_eq!((claims.hw_backed, claims.debug, claims.svn), (false, false, 1));
}

#[test]
fn program_configuration_and_libraries_all_change_the_measurement() {
    let base = subject("clinic").measured;
    let other = Digest::of("other");
    let changed = [
        Measured { executable: other, ..base.clone() },
        Measured { configuration: other, ..base.clone() },
        Measured { libraries: [("libort".to_owned(), other)].into(), ..base.clone() },
    ];
    for measured in changed {
        assert_ne!(measured.measurement(), base.measurement());
    }
}

#[test]
fn evidence_over_another_nonce_or_key_is_refused() {
    let (world, data) = world_and_data();
    let evidence = quote(&subject("clinic"), &data, NOW, &world.root);
    for other in [runtime(&key(4), nonce(2)), runtime(&key(5), nonce(1))] {
        let refused = world.trust().verifiers().verify(
            &evidence,
            &other.report_data(),
            &Endorsements::new(),
            NOW,
        );
        assert_eq!(refused, Err(EvidenceRefusal::ReportData));
    }
}

#[test]
fn a_stranger_s_root_is_refused_even_under_our_name() {
    let (world, data) = world_and_data();
    let trust = world.trust();
    let evidence = quote(&subject("clinic"), &data, NOW, &key(9));
    let refused = trust.verifiers().verify(&evidence, &data, &Endorsements::new(), NOW);
    assert_eq!(refused, Err(EvidenceRefusal::Root));
    let kid = jwk(&world.root).thumbprint().to_string();
    let body = jws::sign(TYP, &kid, &json!({}), &key(9));
    let forged = Evidence { kind: TeeKind::Software, body };
    assert_eq!(
        trust.verifiers().verify(&forged, &data, &Endorsements::new(), NOW),
        Err(EvidenceRefusal::Signature)
    );
}

#[test]
fn old_and_future_evidence_is_refused() {
    let (world, data) = world_and_data();
    let trust = world.trust();
    let at = |now| {
        trust.verifiers().verify(
            &quote(&subject("clinic"), &data, NOW, &world.root),
            &data,
            &Endorsements::new(),
            now,
        )
    };
    assert!(at(NOW.plus(EVIDENCE_AGE_MAX_SECONDS)).is_ok());
    assert_eq!(at(NOW.plus(EVIDENCE_AGE_MAX_SECONDS + 1)), Err(EvidenceRefusal::Stale));
    assert!(at(NOW.minus(30)).is_ok());
    assert_eq!(at(NOW.minus(31)), Err(EvidenceRefusal::NotYetValid));
}

#[test]
fn whoever_trusts_no_software_root_accepts_no_software() {
    let (world, data) = world_and_data();
    let evidence = quote(&subject("clinic"), &data, NOW, &world.root);
    let production = Verifiers::new();
    assert!(production.hardware_only());
    assert_eq!(
        production.verify(&evidence, &data, &Endorsements::new(), NOW),
        Err(EvidenceRefusal::Kind)
    );
    assert!(!world.trust().verifiers().hardware_only());
}

#[test]
fn each_of_several_roots_is_accepted() {
    let (_, data) = world_and_data();
    let roots = [key(1), key(9)].map(|key| Root::Software { jwk: jwk(&key) });
    let verifiers = Verifiers::from_roots(&roots).unwrap();
    for root in [key(1), key(9)] {
        assert!(
            verifiers
                .verify(
                    &quote(&subject("clinic"), &data, NOW, &root),
                    &data,
                    &Endorsements::new(),
                    NOW
                )
                .is_ok()
        );
    }
    let sealing = Root::Software { jwk: Jwk::x25519(1, [0; 32]) };
    assert!(Verifiers::from_roots(&[sealing]).is_err());
}

#[test]
fn malformed_evidence_is_refused() {
    let (world, data) = world_and_data();
    let kid = jwk(&world.root).thumbprint().to_string();
    let libraries = (0..17).map(|n| (n.to_string(), Digest::of("x"))).collect();
    let many = Measured { libraries, ..subject("clinic").measured };
    let many = quote(&Subject { measured: many, debug: false, svn: 1 }, &data, NOW, &world.root);
    let cases = [
        (String::new(), EvidenceRefusal::Malformed),
        (jws::sign(TYP, &kid, &json!({"debug": false}), &world.root), EvidenceRefusal::Malformed),
        (jws::sign("JWT", &kid, &json!({}), &world.root), EvidenceRefusal::Malformed),
        ("A".repeat(EVIDENCE_BYTES_MAX + 1), EvidenceRefusal::TooLarge),
        (many.body, EvidenceRefusal::Malformed),
    ];
    for (body, expected) in cases {
        let evidence = Evidence { kind: TeeKind::Software, body };
        assert_eq!(
            world.trust().verifiers().verify(&evidence, &data, &Endorsements::new(), NOW),
            Err(expected)
        );
    }
}
