//! Verifying a chain, link by link.

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};

use super::{ChainRefusal, Facts, Link, PROOF_AGE_MAX_SECONDS, PROOF_TYP, Proof};
use super::{decode, digest_of};
use crate::CLOCK_SKEW_SECONDS;
use crate::book::ProofBook;
use crate::jwk::Thumbprint;
use crate::jws::Unverified;
use crate::token::{self, Expectation, KeySet, VerifiedToken};

/// Which chains a recipient accepts.
#[derive(Clone, Debug)]
pub struct ChainPolicy {
    /// The orders of workloads that may call, first component to last.
    pub accepted: Vec<Vec<WorkloadName>>,
    /// What every link's token must say; workload and key are added for each link.
    pub expectation: Expectation,
}

/// A chain whose every link was verified. Only [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    links: Vec<Link>,
    tokens: Vec<VerifiedToken>,
}

impl VerifiedChain {
    /// The tokens, first component to last.
    pub fn tokens(&self) -> &[VerifiedToken] {
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
        self.tokens.iter().map(VerifiedToken::digest).collect()
    }
}

/// Checks the chain in `header` that came with the request `facts` to `recipient`.
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
    let links = decode(header.ok_or(ChainRefusal::Missing)?).ok_or(ChainRefusal::Malformed)?;
    let tokens = links
        .iter()
        .map(|link| token::verify(&link.token, keys, &policy.expectation, now))
        .collect::<Result<Vec<_>, _>>()
        .map_err(ChainRefusal::Link)?;
    let proofs = links
        .iter()
        .zip(&tokens)
        .map(|(link, token)| open_proof(link, token, now))
        .collect::<Result<Vec<_>, _>>()?;
    joined(&links, &tokens, &proofs, recipient)?;
    let last = proofs.last().ok_or(ChainRefusal::Malformed)?;
    about(last, facts)?;
    accepted(&tokens, &policy.accepted)?;
    let name = Digest::of_parts(&[tokens_name(&tokens).as_bytes(), last.jti.as_bytes()]);
    book.admit(name, last.iat.plus(PROOF_AGE_MAX_SECONDS), now)?;
    Ok(VerifiedChain { links, tokens })
}

/// The caller's key: a proof's name need only be unique for the key that signs it.
fn tokens_name(tokens: &[VerifiedToken]) -> String {
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
    links: &[Link],
    tokens: &[VerifiedToken],
    proofs: &[Proof],
    recipient: Thumbprint,
) -> Result<(), ChainRefusal> {
    let next_keys = tokens.iter().skip(1).map(VerifiedToken::thumbprint).chain([recipient]);
    for (index, (proof, next)) in proofs.iter().zip(next_keys).enumerate() {
        if proof.aud != next || proof.prev != digest_of(&links[..index]) {
            return Err(ChainRefusal::Order);
        }
    }
    Ok(())
}

fn about(proof: &Proof, facts: Facts<'_>) -> Result<(), ChainRefusal> {
    let same = proof.htm == facts.method && proof.htu == facts.target && proof.digest == facts.body;
    if same { Ok(()) } else { Err(ChainRefusal::Proof) }
}

fn accepted(tokens: &[VerifiedToken], accepted: &[Vec<WorkloadName>]) -> Result<(), ChainRefusal> {
    let names = || tokens.iter().map(VerifiedToken::workload);
    if accepted.iter().any(|chain| chain.iter().eq(names())) {
        Ok(())
    } else {
        Err(ChainRefusal::NotAccepted)
    }
}
