//! Believing the attestor: its evidence vouches for the digest of its key set, and the
//! release manifest for its code.

use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use super::{ATTESTOR, Ask, EVIDENCE_PATH, JWKS_PATH, MANIFEST_PATH, To, Trust, accept, read};
use super::{EvidenceAnswer, EvidenceQuery, HandshakeRefusal};
use crate::appraise::{Status, appraise, policy_digest};
use crate::evidence::{Claims, Endorsements, Evidence};
use crate::nonce::Nonce;
use crate::release::{ManifestRefusal, VerifiedManifest, verify_manifest};
use crate::runtime::Runtime;
use crate::token::{Expectation, KeySet};

/// The check of an attestor, in three questions.
pub struct AttestorCheck<'t> {
    trust: &'t Trust,
    nonce: Nonce,
    evidence: Option<EvidenceAnswer>,
    keys: Option<KeySet>,
    manifest: Option<(String, UnixTime)>,
}

impl<'t> AttestorCheck<'t> {
    /// Begins with a nonce of one's own.
    pub fn start(trust: &'t Trust, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let nonce = Nonce::random(rng);
        Self { trust, nonce, evidence: None, keys: None, manifest: None }
    }

    /// The next question, or none when all are answered.
    pub fn next(&self) -> Option<Ask> {
        if self.evidence.is_none() {
            let query = EvidenceQuery { nonce: self.nonce };
            Some(Ask::post(To::Attestor, EVIDENCE_PATH, &query))
        } else if self.keys.is_none() {
            Some(Ask::get(To::Attestor, JWKS_PATH))
        } else if self.manifest.is_none() {
            Some(Ask::get(To::Attestor, MANIFEST_PATH))
        } else {
            None
        }
    }

    /// Takes the answer to the question that [`Self::next`] asks.
    pub fn answer(
        &mut self,
        status: u16,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(), HandshakeRefusal> {
        let malformed = HandshakeRefusal::Malformed { by: To::Attestor };
        accept(To::Attestor, status, body)?;
        if self.evidence.is_none() {
            let answer: EvidenceAnswer = read(To::Attestor, body)?;
            if *answer.runtime.nonce() != self.nonce {
                return Err(HandshakeRefusal::Nonce);
            }
            self.evidence = Some(answer);
        } else if self.keys.is_none() {
            self.keys = Some(KeySet::parse(body).map_err(|_| malformed)?);
        } else if self.manifest.is_none() {
            let manifest = String::from_utf8(body.to_vec()).map_err(|_| malformed)?;
            self.manifest = Some((manifest, now));
        } else {
            return Err(HandshakeRefusal::OutOfStep);
        }
        Ok(())
    }

    /// Judges the answers, as of the time of the last one.
    pub fn finish(self) -> Result<VerifiedAttestor, HandshakeRefusal> {
        let (Some(answer), Some(jwks), Some((manifest, verified_at))) =
            (self.evidence, self.keys, self.manifest)
        else {
            return Err(HandshakeRefusal::OutOfStep);
        };
        let EvidenceAnswer { evidence, runtime } = answer;
        let transcript = AttestorTranscript { evidence, runtime, jwks, manifest, verified_at };
        transcript.verify(self.trust)
    }
}

/// What an attestor answered, to verify again later without it: the root of an offline
/// receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestorTranscript {
    evidence: Evidence,
    runtime: Runtime,
    jwks: KeySet,
    manifest: String,
    verified_at: UnixTime,
}

impl AttestorTranscript {
    /// Verifies the answers under `trust`, as of the time when they were given, with what
    /// vendors say in the evidence itself: an attestor brings its endorsements along. Whoever
    /// reads a transcript of somebody else's believes that time as far as it believes the
    /// root that signed the evidence.
    pub fn verify(self, trust: &Trust) -> Result<VerifiedAttestor, HandshakeRefusal> {
        let report_data = self.runtime.report_data();
        let verified = trust
            .verifiers
            .verify(&self.evidence, &report_data, &Endorsements::new(), self.verified_at)
            .map_err(HandshakeRefusal::Evidence)?;
        if trust.hardware_required() && !verified.claims().hw_backed {
            return Err(HandshakeRefusal::HardwareRequired);
        }
        let manifest = verify_manifest(&self.manifest, &trust.release_keys, self.verified_at)
            .map_err(HandshakeRefusal::Manifest)?;
        if manifest.serial() < trust.manifest_serial_min {
            return Err(HandshakeRefusal::Manifest(ManifestRefusal::Serial));
        }
        let appraisal = appraise(&verified, &manifest);
        let named = appraisal.workload.as_ref().is_some_and(|name| name.as_str() == ATTESTOR);
        if !named || appraisal.status != Status::Affirming {
            return Err(HandshakeRefusal::NotTheAttestor);
        }
        if self.runtime.jwks() != Some(&self.jwks.digest()) {
            return Err(HandshakeRefusal::Keys);
        }
        Ok(VerifiedAttestor {
            issuer: trust.issuer.clone(),
            hardware_required: trust.hardware_required(),
            claims: verified.claims().clone(),
            manifest,
            transcript: self,
        })
    }
}

/// An attestor that is believed. Only [`AttestorCheck::finish`] and
/// [`AttestorTranscript::verify`] make it.
///
/// Attestors rotate keys and manifests: on `token.key_unknown` or `token.policy`, and
/// once in a while, check again.
#[derive(Clone, Debug)]
pub struct VerifiedAttestor {
    issuer: String,
    hardware_required: bool,
    claims: Claims,
    manifest: VerifiedManifest,
    transcript: AttestorTranscript,
}

impl VerifiedAttestor {
    /// The keys that its tokens are signed with.
    pub const fn keys(&self) -> &KeySet {
        &self.transcript.jwks
    }

    /// `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The manifest that it appraises by.
    pub const fn manifest(&self) -> &VerifiedManifest {
        &self.manifest
    }

    /// What its own evidence says.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// When it was checked.
    pub const fn verified_at(&self) -> UnixTime {
        self.transcript.verified_at
    }

    /// What it answered, to verify again offline.
    pub const fn transcript(&self) -> &AttestorTranscript {
        &self.transcript
    }

    /// What its tokens for `audience` must say at least: issuer, policy, hardware.
    pub fn expectation(&self, audience: &str) -> Expectation {
        Expectation::new(&self.issuer, audience)
            .hardware_required(self.hardware_required)
            .policies([policy_digest(&self.manifest)].into())
    }

    /// The same for a token of `workload`, whose measurement the manifest must name.
    pub fn expectation_of(&self, workload: &WorkloadName, audience: &str) -> Expectation {
        self.expectation(audience)
            .measurements(self.manifest.measurements_of(workload))
            .workload(workload.clone())
    }
}
