//! Believing a peer, and getting a token for oneself, which is the same with oneself in
//! the peer's place.

use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use rand_core::CryptoRng;
use serde_json::json;

use super::{ATTEST_PATH, Ask, EVIDENCE_PATH, NONCE_PATH, To, VerifiedAttestor, accept, read};
use super::{AttestQuery, EvidenceAnswer, EvidenceQuery};
use super::{HandshakeRefusal, NonceAnswer, TokenAnswer};
use crate::jwk::{Jwk, Thumbprint};
use crate::nonce::Nonce;
use crate::random_id;
use crate::token::{self, PASSPORT_AUDIENCE, TokenRefusal, VerifiedToken};

/// The check of one peer, in three questions.
pub struct PeerCheck<'a> {
    attestor: &'a VerifiedAttestor,
    workload: WorkloadName,
    audience: String,
    nonce: Option<Nonce>,
    evidence: Option<EvidenceAnswer>,
    token: Option<VerifiedToken>,
}

impl<'a> PeerCheck<'a> {
    /// Checks that a peer is `workload`. The audience of its token is random, so that the
    /// answer is fresh even where the nonce was not the attestor's.
    pub fn start(
        attestor: &'a VerifiedAttestor,
        workload: WorkloadName,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        Self::with_audience(attestor, workload, format!("autoclave:check:{}", random_id(rng)))
    }

    /// Gets a token for oneself, to carry to others. Questions to the peer are to be
    /// answered by one's own evidence.
    pub fn passport(attestor: &'a VerifiedAttestor, workload: WorkloadName) -> Self {
        Self::with_audience(attestor, workload, PASSPORT_AUDIENCE.to_owned())
    }

    const fn with_audience(
        attestor: &'a VerifiedAttestor,
        workload: WorkloadName,
        audience: String,
    ) -> Self {
        Self { attestor, workload, audience, nonce: None, evidence: None, token: None }
    }

    /// The next question, or none when all are answered.
    pub fn next(&self) -> Option<Ask> {
        if self.token.is_some() {
            return None;
        }
        let Some(nonce) = self.nonce else {
            return Some(Ask::post(To::Attestor, NONCE_PATH, &json!({})));
        };
        let Some(EvidenceAnswer { evidence, runtime }) = self.evidence.clone() else {
            return Some(Ask::post(To::Peer, EVIDENCE_PATH, &EvidenceQuery { nonce }));
        };
        let query = AttestQuery { evidence, runtime, audience: self.audience.clone() };
        Some(Ask::post(To::Attestor, ATTEST_PATH, &query))
    }

    /// Takes the answer to the question that [`Self::next`] asks.
    pub fn answer(
        &mut self,
        status: u16,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(), HandshakeRefusal> {
        let Some(Ask { to, .. }) = self.next() else {
            return Err(HandshakeRefusal::OutOfStep);
        };
        accept(to, status, body)?;
        let Some(nonce) = self.nonce else {
            self.nonce = Some(read::<NonceAnswer>(to, body)?.nonce);
            return Ok(());
        };
        let Some(evidence) = &self.evidence else {
            let answer: EvidenceAnswer = read(to, body)?;
            if *answer.runtime.nonce() != nonce {
                return Err(HandshakeRefusal::Nonce);
            }
            self.evidence = Some(answer);
            return Ok(());
        };
        let jwt = read::<TokenAnswer>(to, body)?.token;
        self.token = Some(self.verify(&jwt, nonce, evidence, now)?);
        Ok(())
    }

    fn verify(
        &self,
        jwt: &str,
        nonce: Nonce,
        answer: &EvidenceAnswer,
        now: UnixTime,
    ) -> Result<VerifiedToken, HandshakeRefusal> {
        let expected = self
            .attestor
            .expectation_of(&self.workload, &self.audience)
            .nonce(nonce)
            .signing_key(answer.runtime.thumbprint());
        let token = token::verify(jwt, self.attestor.keys(), &expected, now)
            .map_err(HandshakeRefusal::Token)?;
        // All keys, not only the signing key: requests are sealed to the others.
        if token.claims().runtime != answer.runtime {
            return Err(HandshakeRefusal::Token(TokenRefusal::KeyBinding));
        }
        Ok(token)
    }

    /// The peer, once all questions are answered.
    pub fn finish(self) -> Result<VerifiedPeer, HandshakeRefusal> {
        self.token.map(|token| VerifiedPeer { token }).ok_or(HandshakeRefusal::OutOfStep)
    }
}

/// A peer that is believed. Only [`PeerCheck::finish`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedPeer {
    token: VerifiedToken,
}

impl VerifiedPeer {
    /// Its token.
    pub const fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// Gives its token up.
    pub fn into_token(self) -> VerifiedToken {
        self.token
    }

    /// The thumbprint of its signing key: the recipient in proofs.
    pub fn thumbprint(&self) -> Thumbprint {
        self.token.thumbprint()
    }

    /// The keys to seal requests to, with their OHTTP key ids.
    pub fn sealing_keys(&self) -> impl Iterator<Item = (u8, &Jwk)> {
        self.token.sealing_keys()
    }
}
