use super::*;
use crate::fixtures::{NOW, World, jwk, key, manifest, subject, workload};

fn check(manifest: &Manifest) -> Result<VerifiedManifest, ManifestRefusal> {
    verify_manifest(&sign(manifest, &key(2)), &[jwk(&key(2))], NOW)
}

#[test]
fn a_good_manifest_finds_releases() {
    let verified = check(&manifest()).unwrap();
    let measurement = subject("clinic").measured.measurement();
    let found = verified.find(&measurement, TeeKind::Software).unwrap();
    assert_eq!(found.name, workload("clinic"));
    assert_eq!(verified.measurements_of(&workload("clinic")), [measurement].into());
    assert!(verified.measurements_of(&workload("study")).is_empty());
    assert!(verified.find(&Digest::of("other"), TeeKind::Software).is_none());
    assert_eq!(verified.serial(), 7);
}

#[test]
fn a_release_for_other_kinds_is_not_found() {
    let mut manifest = manifest();
    manifest.workloads[2].kinds.clear();
    let measurement = subject("clinic").measured.measurement();
    assert!(check(&manifest).unwrap().find(&measurement, TeeKind::Software).is_none());
}

#[test]
fn the_digest_is_of_the_payload_not_of_the_signature() {
    let one = World::new().manifest;
    let two = verify_manifest(&sign(&manifest(), &key(9)), &[jwk(&key(9))], NOW).unwrap();
    assert_eq!(one.digest(), two.digest());
    let newer = Manifest { serial: 8, ..manifest() };
    assert_ne!(check(&newer).unwrap().digest(), one.digest());
}

#[test]
fn a_stranger_s_manifest_is_refused_even_under_our_name() {
    let raw = sign(&manifest(), &key(9));
    let refused = verify_manifest(&raw, &[jwk(&key(2))], NOW).unwrap_err();
    assert_eq!(refused, ManifestRefusal::KeyUnknown);
    let kid = jwk(&key(2)).thumbprint().to_string();
    let raw = jws::sign(TYP, &kid, &manifest(), &key(9));
    let refused = verify_manifest(&raw, &[jwk(&key(2))], NOW).unwrap_err();
    assert_eq!(refused, ManifestRefusal::Signature);
}

#[test]
fn times_are_checked() {
    let expired = Manifest { exp: NOW, ..manifest() };
    assert_eq!(check(&expired).unwrap_err(), ManifestRefusal::Expired);
    let future = Manifest { iat: NOW.plus(31), ..manifest() };
    assert_eq!(check(&future).unwrap_err(), ManifestRefusal::NotYetValid);
}

#[test]
fn two_workloads_under_one_measurement_are_refused() {
    let mut manifest = manifest();
    manifest.workloads[1].measurement = manifest.workloads[2].measurement;
    assert_eq!(check(&manifest).unwrap_err(), ManifestRefusal::Malformed);
}

#[test]
fn other_objects_by_the_release_key_are_no_manifest() {
    let kid = jwk(&key(2)).thumbprint().to_string();
    for raw in [jws::sign("JWT", &kid, &manifest(), &key(2)), jws::sign(TYP, &kid, &1, &key(2))] {
        let refused = verify_manifest(&raw, &[jwk(&key(2))], NOW).unwrap_err();
        assert_eq!(refused, ManifestRefusal::Malformed);
    }
}
