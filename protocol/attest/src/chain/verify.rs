//! Verifying a chain, link by link.

use std::sync::Arc;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};

use super::{ChainRefusal, Facts, Link, PROOF_AGE_MAX_SECONDS, PROOF_TYP, Proof};
use super::{decode, digest_of_digests};
use crate::CLOCK_SKEW_SECONDS;
use crate::book::ProofBook;
use crate::jwk::Thumbprint;
use crate::jws::Unverified;
use crate::token::{Expectation, KeySet, TokenBook, VerifiedToken};

/// Which chains a recipient accepts.
#[derive(Clone, Debug)]
pub struct ChainPolicy {
    /// The orders of workloads that may call, first component to last.
    pub accepted: Vec<Vec<WorkloadName>>,
    /// What every link's token must say; workload and key are added for each link.
    pub expectation: Expectation,
}

/// A chain whose every link was verified. Only [`CheckedChain::admit`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    links: Vec<Link>,
    tokens: Vec<Arc<VerifiedToken>>,
}

impl VerifiedChain {
    /// The tokens, first component to last.
    pub fn tokens(&self) -> &[Arc<VerifiedToken>] {
        &self.tokens
    }

    /// The token of whoever sent the request.
    #[expect(clippy::expect_used, reason = "a verified chain has at least one link")]
    pub fn caller(&self) -> &VerifiedToken {
        self.tokens.last().expect("not empty")
    }

    /// The links as received, to pass along with [`super::extend`].
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The tokens' digests, for receipts and the ledger.
    pub fn digests(&self) -> Vec<Digest> {
        self.tokens.iter().map(|token| token.digest()).collect()
    }
}

/// A chain whose links and proofs hold, and whose last proof may have come before. Only
/// [`check`] makes it.
pub struct CheckedChain {
    chain: VerifiedChain,
    proof: Digest,
    stale: UnixTime,
}

impl CheckedChain {
    /// Notes the last proof in `book`; refuses it the second time.
    pub fn admit(self, book: &mut ProofBook, now: UnixTime) -> Result<VerifiedChain, ChainRefusal> {
        book.admit(self.proof, self.stale, now)?;
        Ok(self.chain)
    }
}

/// Checks the chain in `header` that came with the request `facts` to `recipient`: [`check`]
/// and [`CheckedChain::admit`] in one.
///
/// Nothing is noted in `book` unless all else holds.
pub fn verify(
    header: Option<&str>,
    facts: Facts<'_>,
    recipient: Thumbprint,
    keys: &KeySet,
    policy: &ChainPolicy,
    book: &mut ProofBook,
    now: UnixTime,
) -> Result<VerifiedChain, ChainRefusal> {
    let tokens = TokenBook::new(keys.clone(), policy.expectation.clone());
    check(header, facts, recipient, &tokens, &policy.accepted, now)?.admit(book, now)
}

/// Checks all of a chain but that its last proof is new. It takes most of the time, and
/// changes nothing, so that nobody waits for another's check.
pub fn check(
    header: Option<&str>,
    facts: Facts<'_>,
    recipient: Thumbprint,
    book: &TokenBook,
    accept: &[Vec<WorkloadName>],
    now: UnixTime,
) -> Result<CheckedChain, ChainRefusal> {
    let links = decode(header.ok_or(ChainRefusal::Missing)?).ok_or(ChainRefusal::Malformed)?;
    let tokens = links
        .iter()
        .map(|link| book.verify(&link.token, now))
        .collect::<Result<Vec<_>, _>>()
        .map_err(ChainRefusal::Link)?;
    let proofs = links
        .iter()
        .zip(&tokens)
        .map(|(link, token)| open_proof(link, token, now))
        .collect::<Result<Vec<_>, _>>()?;
    joined(&tokens, &proofs, recipient)?;
    let last = proofs.last().ok_or(ChainRefusal::Malformed)?;
    about(last, facts)?;
    accepted(&tokens, accept)?;
    let proof = Digest::of_parts(&[tokens_name(&tokens).as_bytes(), last.jti.as_bytes()]);
    let stale = last.iat.plus(PROOF_AGE_MAX_SECONDS);
    Ok(CheckedChain { chain: VerifiedChain { links, tokens }, proof, stale })
}

/// The caller's key: a proof's name need only be unique for the key that signs it.
fn tokens_name(tokens: &[Arc<VerifiedToken>]) -> String {
    tokens.last().map(|token| token.thumbprint().to_string()).unwrap_or_default()
}

/// The proof beside a token: by the token's key, about that token, and fresh.
fn open_proof(link: &Link, token: &VerifiedToken, now: UnixTime) -> Result<Proof, ChainRefusal> {
    let parsed = Unverified::parse(&link.proof, PROOF_TYP).map_err(|_| ChainRefusal::Proof)?;
    if parsed.kid() != Some(token.thumbprint().to_string().as_str()) {
        return Err(ChainRefusal::Proof);
    }
    let key = token.signing_key().verifying_key().ok_or(ChainRefusal::Proof)?;
    let payload = parsed.verify(key).map_err(|_| ChainRefusal::Proof)?;
    let proof: Proof = serde_json::from_slice(&payload).map_err(|_| ChainRefusal::Proof)?;
    if proof.tok != token.digest() {
        return Err(ChainRefusal::Proof);
    }
    let (made, latest) = (proof.iat, now.plus(CLOCK_SKEW_SECONDS));
    if made > latest || now > made.plus(PROOF_AGE_MAX_SECONDS) {
        return Err(ChainRefusal::Stale);
    }
    Ok(proof)
}

/// Each link names the next one's key as its recipient and all tokens before its own.
fn joined(
    tokens: &[Arc<VerifiedToken>],
    proofs: &[Proof],
    recipient: Thumbprint,
) -> Result<(), ChainRefusal> {
    let next_keys = tokens.iter().skip(1).map(|token| token.thumbprint()).chain([recipient]);
    let digests: Vec<_> = tokens.iter().map(|token| token.digest()).collect();
    for (index, (proof, next)) in proofs.iter().zip(next_keys).enumerate() {
        if proof.aud != next || proof.prev != digest_of_digests(&digests[..index]) {
            return Err(ChainRefusal::Order);
        }
    }
    Ok(())
}

fn about(proof: &Proof, facts: Facts<'_>) -> Result<(), ChainRefusal> {
    let same = proof.htm == facts.method && proof.htu == facts.target && proof.digest == facts.body;
    if same { Ok(()) } else { Err(ChainRefusal::Proof) }
}

fn accepted(
    tokens: &[Arc<VerifiedToken>],
    accepted: &[Vec<WorkloadName>],
) -> Result<(), ChainRefusal> {
    let names = || tokens.iter().map(|token| token.workload());
    if accepted.iter().any(|chain| chain.iter().eq(names())) {
        Ok(())
    } else {
        Err(ChainRefusal::NotAccepted)
    }
}
