//! What becomes of TPM evidence further on: appraisal, token, the attestor's own check, and
//! the choice among several roots.

use serde_json::{Value, json};

use super::super::*;
use super::captured::{Captured, data};
use super::machine::Machine;
use crate::appraise::{Appraisal, Reason, appraise};
use crate::evidence::{Claims, Endorsements, EvidenceRefusal, Root, Verified, Verifiers};
use crate::fixtures::{
    AUDIENCE, ISSUER, NOW, World, expectation, jwk, key, manifest, nonce, rng, runtime, workload,
};
use crate::handshake::{
    AttestorTranscript, HandshakeRefusal, Trust, TrustAnchors, VerifiedAttestor,
};
use crate::release::{self, VerifiedManifest, verify_manifest};
use crate::runtime::Runtime;
use crate::token::{
    AnnotatedEvidence, Issuance, Issuer, TokenClaims, TokenRefusal, VerifiedToken, verify,
};

fn verified(root: &TpmRoot, body: Body) -> Verified {
    let verifiers = Verifiers::from_roots(&[Root::Tpm(root.clone())]).unwrap();
    verifiers.verify(&body.into_evidence(), &data(), &Endorsements::new(), NOW).unwrap()
}

fn genuine() -> Verified {
    let machine = Machine::genuine();
    verified(&machine.root, machine.body(&data()))
}

fn software() -> Verified {
    let captured = Captured::read();
    verified(&captured.root(), captured.body())
}

/// A manifest that names the logged program as `name`, for `kinds`.
fn manifest_of(claims: &Claims, name: &str, kinds: &[TeeKind]) -> VerifiedManifest {
    let mut manifest = manifest();
    manifest.workloads.truncate(1);
    let release = &mut manifest.workloads[0];
    release.name = workload(name);
    release.measurement = claims.measurement;
    let measured = claims.measured.as_ref().unwrap();
    release.executable = Some(measured.executable);
    release.configuration = Some(measured.configuration);
    release.kinds = kinds.iter().copied().collect();
    let raw = release::sign(&manifest, &key(2));
    verify_manifest(&raw, &[jwk(&key(2))], NOW).unwrap()
}

fn judged(verified: &Verified, kinds: &[TeeKind]) -> Appraisal {
    appraise(verified, &manifest_of(verified.claims(), "clinic", kinds))
}

fn claims(verified: &Verified) -> TokenClaims {
    let issuance = Issuance {
        issuer: Issuer { name: ISSUER, build: "test" },
        audience: AUDIENCE,
        verified,
        runtime: &runtime(&key(4), nonce(1)),
        appraisal: &judged(verified, &[TeeKind::Tpm]),
    };
    issuance.claims(&mut rng(77), NOW)
}

fn check(claims: &TokenClaims, hardware: bool) -> Result<VerifiedToken, TokenRefusal> {
    let expected = expectation().hardware_required(hardware);
    verify(&claims.sign(&World::new().attestor), &World::new().keys(), &expected, NOW)
}

#[test]
fn a_release_for_one_kind_of_tee_is_none_for_another() {
    let verified = genuine();
    assert_eq!(judged(&verified, &[TeeKind::Tpm]).reasons, []);
    assert_eq!(judged(&verified, &[TeeKind::Tpm, TeeKind::Software]).reasons, []);
    assert_eq!(judged(&verified, &[TeeKind::Software]).reasons, [Reason::UnknownMeasurement]);
}

#[test]
fn only_hardware_is_called_hardware() {
    let kinds = [TeeKind::Tpm];
    assert_eq!(judged(&genuine(), &kinds).vector.hardware, 2);
    assert_eq!(judged(&software(), &kinds).vector.hardware, 0);
}

#[test]
fn a_tpm_s_token_says_so_under_its_own_name() {
    let token: Value = serde_json::to_value(claims(&genuine())).unwrap();
    assert_eq!(token["x-ms-attestation-type"], "tpm");
    assert_eq!(token["hw_backed"], true);
    let annotated = &token["submods"]["cpu0"]["ear.veraison.annotated-evidence"];
    assert_eq!(annotated["tpm"]["kind"], "tpm");
    assert_eq!(annotated["tpm"]["tpm"]["manufacturer"], "id:494E5443");
    assert_eq!(annotated["tpm"]["tpm"]["workload"]["name"], "clinic");
    assert!(annotated.get("software").is_none());
}

#[test]
fn a_tpm_s_token_is_as_good_as_what_stands_behind_it() {
    assert_eq!(check(&claims(&genuine()), true).unwrap().workload(), &workload("clinic"));
    assert_eq!(check(&claims(&software()), true).unwrap_err(), TokenRefusal::HardwareRequired);
    assert!(check(&claims(&software()), false).is_ok());
}

/// The attestor signed, but the claims do not go together.
#[test]
fn a_tpm_s_token_that_contradicts_itself_is_refused() {
    let changed = |verified: &Verified, change: &dyn Fn(&mut Claims)| {
        let mut token = claims(verified);
        let mut evidence = verified.claims().clone();
        change(&mut evidence);
        token.hw_backed = evidence.hw_backed;
        token.submods.cpu0.evidence = AnnotatedEvidence::Tpm(Box::new(evidence));
        check(&token, false).err()
    };
    let refused = Some(TokenRefusal::Malformed);
    assert_eq!(changed(&software(), &|_| ()), None);
    assert_eq!(changed(&software(), &|claims| claims.hw_backed = true), refused);
    assert_eq!(changed(&genuine(), &|claims| claims.tpm = None), refused);
    assert_eq!(changed(&genuine(), &|claims| claims.kind = TeeKind::Software), refused);
    assert_eq!(changed(&genuine(), &|claims| claims.measurement = Digest::of("x")), refused);
    let mut renamed = claims(&genuine());
    let evidence = renamed.submods.cpu0.evidence.claims().clone();
    renamed.submods.cpu0.evidence = AnnotatedEvidence::Software(Box::new(evidence));
    assert_eq!(check(&renamed, false).err(), refused);
}

#[test]
fn evidence_is_judged_under_the_root_that_knows_its_maker() {
    let (captured, machine) = (Captured::read(), Machine::genuine());
    let roots = [Root::Tpm(captured.root()), Root::Tpm(machine.root.clone())];
    let both = Verifiers::from_roots(&roots).unwrap();
    assert!(!both.hardware_only(), "one of them is for development");
    for (body, hardware) in [(captured.body(), false), (machine.body(&data()), true)] {
        let verified =
            both.verify(&body.into_evidence(), &data(), &Endorsements::new(), NOW).unwrap();
        assert_eq!(verified.claims().hw_backed, hardware);
    }
    let one = Verifiers::from_roots(&roots[1..]).unwrap();
    assert!(one.hardware_only());
    let refused = one.verify(&captured.body().into_evidence(), &data(), &Endorsements::new(), NOW);
    assert_eq!(refused, Err(EvidenceRefusal::Root));
}

/// An attestor on this machine, as somebody who trusts `root` finds it.
fn attestor(
    root: TpmRoot,
    body: &dyn Fn(&ReportData) -> Body,
) -> Result<VerifiedAttestor, HandshakeRefusal> {
    let keys = World::new().keys();
    let runtime = Runtime::new(nonce(1), vec![jwk(&key(20))], Some(keys.digest())).unwrap();
    let evidence = body(&runtime.report_data()).into_evidence();
    let manifest = manifest_of(genuine().claims(), "attestor", &[TeeKind::Tpm]);
    let transcript = json!({
        "evidence": evidence, "runtime": runtime, "jwks": keys,
        "manifest": manifest.raw(), "verified_at": NOW,
    });
    let anchors = TrustAnchors {
        roots: vec![Root::Tpm(root)],
        release_keys: vec![jwk(&key(2))],
        issuer: ISSUER.to_owned(),
        manifest_serial_min: 0,
    };
    let transcript: AttestorTranscript = serde_json::from_value(transcript).unwrap();
    transcript.verify(&Trust::try_from(anchors).unwrap())
}

#[test]
fn whoever_trusts_hardware_alone_believes_no_software_tpm_and_no_token_of_one() {
    let machine = Machine::genuine();
    let found = attestor(machine.root.clone(), &|data| machine.body(data)).unwrap();
    assert!(found.claims().hw_backed);
    let token = claims(&software()).sign(&World::new().attestor);
    let passed = verify(&token, found.keys(), &found.expectation(AUDIENCE), NOW);
    assert_eq!(passed.unwrap_err(), TokenRefusal::HardwareRequired);
    let swtpm = super::machine::software_by_a_vendor();
    let refused = attestor(swtpm.root.clone(), &|data| swtpm.body(data)).unwrap_err();
    assert_eq!(refused.code(), "attestor.hardware_required");
    let development = TpmRoot { development: true, ..swtpm.root.clone() };
    assert!(!attestor(development, &|data| swtpm.body(data)).unwrap().claims().hw_backed);
}
