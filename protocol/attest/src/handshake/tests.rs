//! Both checks against honest parties, and against every lie of which we could think.

use p256::ecdsa::SigningKey;
use serde_json::json;

use super::*;
use crate::appraise::appraise;
use crate::evidence::software::{Subject, quote};
use crate::evidence::{Endorsements, EvidenceRefusal};
use crate::fixtures::{
    ISSUER, NOW, World, jwk, key, manifest, nonce, rng, runtime, subject, workload,
};
use crate::nonce::Nonce;
use crate::release::{self, Manifest, ManifestRefusal};
use crate::runtime::Runtime;
use crate::token::{Issuance, Issuer, KeySet, PASSPORT_AUDIENCE, TokenRefusal};

/// Parties that answer as they are told to.
struct Scene {
    world: World,
    attestor_code: Subject,
    peer_code: Subject,
    peer_key: SigningKey,
    jwks: KeySet,
    manifest: String,
    peer_nonce: Option<Nonce>,
}

impl Scene {
    fn honest() -> Self {
        let world = World::new();
        Self {
            attestor_code: subject("attestor"),
            peer_code: subject("clinic"),
            peer_key: key(21),
            jwks: world.keys(),
            manifest: world.manifest.raw().to_owned(),
            peer_nonce: None,
            world,
        }
    }

    fn attestor_runtime(&self, nonce: Nonce) -> Runtime {
        let keys = vec![jwk(&key(20))];
        Runtime::new(nonce, keys, Some(self.world.keys().digest())).unwrap()
    }

    fn answer(&self, ask: &Ask) -> Vec<u8> {
        match (ask.to, ask.path) {
            (To::Attestor, EVIDENCE_PATH) => {
                let query: EvidenceQuery = serde_json::from_slice(&ask.body).unwrap();
                let runtime = self.attestor_runtime(query.nonce);
                let evidence = self.world.evidence(&self.attestor_code, &runtime);
                bytes(&EvidenceAnswer { evidence, runtime })
            }
            (To::Attestor, JWKS_PATH) => bytes(&self.jwks),
            (To::Attestor, MANIFEST_PATH) => self.manifest.clone().into_bytes(),
            (To::Attestor, NONCE_PATH) => {
                bytes(&NonceAnswer { nonce: nonce(50), expires_at: NOW.plus(60) })
            }
            (To::Peer, EVIDENCE_PATH) => {
                let query: EvidenceQuery = serde_json::from_slice(&ask.body).unwrap();
                let runtime = runtime(&self.peer_key, self.peer_nonce.unwrap_or(query.nonce));
                let evidence = self.world.evidence(&self.peer_code, &runtime);
                bytes(&EvidenceAnswer { evidence, runtime })
            }
            (To::Attestor, ATTEST_PATH) => bytes(&self.attest(&ask.body)),
            other => panic!("nobody answers {other:?}"),
        }
    }

    fn attest(&self, body: &[u8]) -> TokenAnswer {
        let query: AttestQuery = serde_json::from_slice(body).unwrap();
        let data = query.runtime.report_data();
        let trust = self.world.trust();
        let verified =
            trust.verifiers().verify(&query.evidence, &data, &Endorsements::new(), NOW).unwrap();
        let issuance = Issuance {
            issuer: Issuer { name: ISSUER, build: "test" },
            audience: &query.audience,
            verified: &verified,
            runtime: &query.runtime,
            appraisal: &appraise(&verified, &self.world.manifest),
        };
        let claims = issuance.claims(&mut rng(60), NOW);
        TokenAnswer { token: claims.sign(&self.world.attestor) }
    }

    fn check_attestor(&self, trust: &Trust) -> Result<VerifiedAttestor, HandshakeRefusal> {
        let mut check = AttestorCheck::start(trust, &mut rng(40));
        while let Some(ask) = check.next() {
            check.answer(200, &self.answer(&ask), NOW)?;
        }
        check.finish()
    }

    fn attestor(&self) -> Result<VerifiedAttestor, HandshakeRefusal> {
        self.check_attestor(&self.world.trust())
    }

    fn peer(&self, name: &str) -> Result<VerifiedPeer, HandshakeRefusal> {
        let attestor = Self::honest().attestor()?;
        self.run(PeerCheck::start(&attestor, workload(name), &mut rng(41)))
    }

    fn run(&self, mut check: PeerCheck<'_>) -> Result<VerifiedPeer, HandshakeRefusal> {
        while let Some(ask) = check.next() {
            check.answer(200, &self.answer(&ask), NOW)?;
        }
        check.finish()
    }
}

fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[test]
fn an_honest_attestor_is_believed() {
    let scene = Scene::honest();
    let attestor = scene.attestor().unwrap();
    assert_eq!(attestor.keys(), &scene.world.keys());
    assert_eq!(attestor.issuer(), ISSUER);
    assert_eq!(attestor.manifest().serial(), 7);
    assert_eq!(attestor.verified_at(), NOW);
}

#[test]
fn an_honest_peer_is_believed() {
    let peer = Scene::honest().peer("clinic").unwrap();
    assert_eq!(peer.token().workload(), &workload("clinic"));
    assert_eq!(peer.thumbprint(), jwk(&key(21)).thumbprint());
    assert_eq!(peer.sealing_keys().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2]);
    assert!(peer.token().claims().aud.starts_with("autoclave:check:"));
}

#[test]
fn a_passport_is_for_all_audiences() {
    let scene = Scene::honest();
    let attestor = scene.attestor().unwrap();
    let own = scene.run(PeerCheck::passport(&attestor, workload("clinic"))).unwrap();
    assert_eq!(own.into_token().claims().aud, PASSPORT_AUDIENCE);
}

#[test]
fn code_that_is_not_the_attestor_is_not_believed() {
    let mut scene = Scene { attestor_code: subject("clinic"), ..Scene::honest() };
    assert_eq!(scene.attestor().unwrap_err(), HandshakeRefusal::NotTheAttestor);
    scene.attestor_code = subject("malware");
    assert_eq!(scene.attestor().unwrap_err(), HandshakeRefusal::NotTheAttestor);
    scene.attestor_code = Subject { debug: true, ..subject("attestor") };
    assert_eq!(scene.attestor().unwrap_err(), HandshakeRefusal::NotTheAttestor);
}

#[test]
fn other_published_keys_than_attested_are_not_believed() {
    let jwks = KeySet::new(vec![jwk(&key(30))]).unwrap();
    let scene = Scene { jwks, ..Scene::honest() };
    assert_eq!(scene.attestor().unwrap_err(), HandshakeRefusal::Keys);
}

#[test]
fn a_stranger_s_root_or_manifest_is_not_believed() {
    let mut scene = Scene::honest();
    scene.world.root = key(31);
    let trust = World::new().trust();
    let refused = scene.check_attestor(&trust).unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Evidence(EvidenceRefusal::Root));
    let manifest = release::sign(&manifest(), &key(32));
    let scene = Scene { manifest, ..Scene::honest() };
    let expected = HandshakeRefusal::Manifest(ManifestRefusal::KeyUnknown);
    assert_eq!(scene.attestor().unwrap_err(), expected);
}

#[test]
fn an_older_manifest_than_known_is_not_believed() {
    let scene = Scene::honest();
    let anchors = TrustAnchors { manifest_serial_min: 8, ..scene.world.anchors() };
    let refused = scene.check_attestor(&anchors.try_into().unwrap()).unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Manifest(ManifestRefusal::Serial));
}

#[test]
fn old_evidence_of_the_attestor_is_not_believed() {
    let scene = Scene::honest();
    let trust = scene.world.trust();
    let mut check = AttestorCheck::start(&trust, &mut rng(40));
    let old = AttestorCheck::start(&trust, &mut rng(99)).next().unwrap();
    let refused = check.answer(200, &scene.answer(&old), NOW).unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Nonce);
}

#[test]
fn a_peer_of_another_workload_is_not_believed() {
    let refused = Scene::honest().peer("broker").unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Token(TokenRefusal::Measurement));
}

#[test]
fn a_peer_of_unknown_code_or_in_debug_mode_is_not_believed() {
    let mut scene = Scene { peer_code: subject("malware"), ..Scene::honest() };
    let unknown = HandshakeRefusal::Token(TokenRefusal::Measurement);
    assert_eq!(scene.peer("clinic").unwrap_err(), unknown);
    scene.peer_code = Subject { debug: true, ..subject("clinic") };
    let debug = HandshakeRefusal::Token(TokenRefusal::Debug);
    assert_eq!(scene.peer("clinic").unwrap_err(), debug);
}

#[test]
fn a_peer_s_evidence_over_another_nonce_is_not_believed() {
    let scene = Scene { peer_nonce: Some(nonce(51)), ..Scene::honest() };
    assert_eq!(scene.peer("clinic").unwrap_err(), HandshakeRefusal::Nonce);
}

#[test]
fn an_attestor_under_another_policy_is_not_believed() {
    let mut scene = Scene::honest();
    let newer = release::sign(&Manifest { serial: 8, ..manifest() }, &scene.world.release);
    let keys = [jwk(&scene.world.release)];
    scene.world.manifest = release::verify_manifest(&newer, &keys, NOW).unwrap();
    let refused = scene.peer("clinic").unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Token(TokenRefusal::Policy));
}

/// Somebody in the middle shows a good token of the clinic beside keys of its own.
#[test]
fn keys_beside_somebody_else_s_token_are_not_believed() {
    let honest = Scene::honest();
    let attestor = honest.attestor().unwrap();
    let mut check = PeerCheck::start(&attestor, workload("clinic"), &mut rng(41));
    check.answer(200, &honest.answer(&check.next().unwrap()), NOW).unwrap();
    let thief = Scene { peer_key: key(22), ..Scene::honest() };
    let asked = check.next().unwrap();
    check.answer(200, &thief.answer(&asked), NOW).unwrap();
    let runtime = runtime(&key(21), nonce(50));
    let evidence = quote(&subject("clinic"), &runtime.report_data(), NOW, &key(1));
    let audience = "autoclave:check:x".to_owned();
    let other = honest.attest(&bytes(&AttestQuery { evidence, runtime, audience }));
    let refused = check.answer(200, &bytes(&other), NOW).unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Token(TokenRefusal::Audience));
    assert_eq!(check.finish().unwrap_err(), HandshakeRefusal::OutOfStep);
}

#[test]
fn errors_and_nonsense_end_the_handshake() {
    let scene = Scene::honest();
    let trust = scene.world.trust();
    let mut check = AttestorCheck::start(&trust, &mut rng(40));
    let status = HandshakeRefusal::Status { by: To::Attestor, status: 503 };
    assert_eq!(check.answer(503, b"", NOW), Err(status));
    let malformed = HandshakeRefusal::Malformed { by: To::Attestor };
    let long = vec![b' '; ANSWER_BYTES_MAX + 1];
    for body in [b"".as_slice(), b"{}", b"[]", b"<html>", &long] {
        assert_eq!(check.answer(200, body, NOW), Err(malformed));
    }
    assert_eq!(check.finish().unwrap_err(), HandshakeRefusal::OutOfStep);
}

#[test]
fn an_answer_too_many_is_refused() {
    let scene = Scene::honest();
    let attestor = scene.attestor().unwrap();
    let mut check = PeerCheck::passport(&attestor, workload("clinic"));
    while let Some(ask) = check.next() {
        check.answer(200, &scene.answer(&ask), NOW).unwrap();
    }
    assert_eq!(check.answer(200, b"{}", NOW), Err(HandshakeRefusal::OutOfStep));
}

#[test]
fn a_transcript_verifies_again_offline_and_not_when_changed() {
    let trust = World::new().trust();
    let attestor = Scene::honest().attestor().unwrap();
    let json = serde_json::to_value(attestor.transcript()).unwrap();
    let again: AttestorTranscript = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(again.verify(&trust).unwrap().keys(), attestor.keys());
    let mut changed = json;
    changed["jwks"]["keys"][0] = json!(jwk(&key(30)));
    let changed: AttestorTranscript = serde_json::from_value(changed).unwrap();
    assert_eq!(changed.verify(&trust).unwrap_err(), HandshakeRefusal::Keys);
}

#[test]
fn trust_without_a_software_root_requires_hardware() {
    let anchors = TrustAnchors { roots: vec![], ..World::new().anchors() };
    let trust: Trust = anchors.try_into().unwrap();
    assert!(trust.hardware_required());
    assert!(!World::new().trust().hardware_required());
    let refused = Scene::honest().check_attestor(&trust).unwrap_err();
    assert_eq!(refused, HandshakeRefusal::Evidence(EvidenceRefusal::Kind));
}
