use super::*;
use crate::evidence::software::Subject;
use crate::fixtures::{NOW, World, jwk, key, manifest, nonce, runtime, subject, workload};
use crate::release::{Manifest, sign, verify_manifest};

fn verdict(subject: &Subject) -> Appraisal {
    let world = World::new();
    appraise(&world.verified(subject, &runtime(&key(4), nonce(1))), &world.manifest)
}

#[test]
fn known_code_is_affirmed_without_a_word_on_hardware() {
    let appraisal = verdict(&subject("clinic"));
    assert_eq!(appraisal.workload, Some(workload("clinic")));
    assert_eq!(appraisal.status, Status::Affirming);
    assert!(appraisal.reasons.is_empty());
    let vector = appraisal.vector;
    assert_eq!((vector.executables, vector.configuration), (2, 2));
    assert_eq!((vector.hardware, vector.runtime_opaque), (0, 0));
}

#[test]
fn unknown_code_is_contraindicated() {
    let appraisal = verdict(&subject("something else"));
    assert_eq!(appraisal.workload, None);
    assert_eq!(appraisal.status, Status::Contraindicated);
    assert_eq!(appraisal.reasons, [Reason::UnknownMeasurement]);
    assert_eq!(appraisal.vector.executables, 33);
}

#[test]
fn a_known_program_with_another_configuration_is_unknown_code() {
    let mut code = subject("clinic");
    code.measured.configuration = Digest::of("one line changed");
    assert_eq!(verdict(&code).reasons, [Reason::UnknownMeasurement]);
}

#[test]
fn debug_is_contraindicated() {
    let appraisal = verdict(&Subject { debug: true, ..subject("clinic") });
    assert_eq!(appraisal.status, Status::Contraindicated);
    assert_eq!(appraisal.reasons, [Reason::Debug]);
    assert_eq!(appraisal.vector.runtime_opaque, 96);
}

#[test]
fn an_old_security_version_is_contraindicated() {
    let appraisal = verdict(&Subject { svn: 0, ..subject("clinic") });
    assert_eq!(appraisal.status, Status::Contraindicated);
    assert_eq!(appraisal.reasons, [Reason::SecurityVersion]);
    assert_eq!(verdict(&Subject { svn: 2, ..subject("clinic") }).status, Status::Affirming);
}

#[test]
fn the_policy_digest_changes_with_the_manifest() {
    let newer = Manifest { serial: 8, ..manifest() };
    let newer = verify_manifest(&sign(&newer, &key(2)), &[jwk(&key(2))], NOW).unwrap();
    assert_ne!(policy_digest(&newer), policy_digest(&World::new().manifest));
    assert_eq!(verdict(&subject("clinic")).policy, policy_digest(&World::new().manifest));
}

#[test]
fn governed_rules_refuse_more_and_never_affirm() {
    let rules = Digest::of("rules");
    let (known, unknown) = (verdict(&subject("clinic")), verdict(&subject("something else")));
    let policy = known.policy;
    assert_eq!(known.clone().under(rules, true).status, Status::Affirming);
    let refused = known.under(rules, false);
    assert_eq!(refused.status, Status::Contraindicated);
    assert_eq!(refused.reasons, [Reason::Rules]);
    assert_eq!(unknown.under(rules, true).status, Status::Contraindicated);
    assert_eq!(refused.policy, governed_digest(policy, rules));
    assert_eq!(digest_under(policy, &policy_id(Some(rules))), Some(refused.policy));
    assert_eq!(digest_under(policy, &policy_id(None)), Some(policy));
    for other in ["", "autoclave-2", "autoclave-1+", "autoclave-1+sha256:00", "autoclave-11"] {
        assert_eq!(digest_under(policy, other), None, "{other}");
    }
}
