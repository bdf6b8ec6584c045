//! The chain behind a request: the token of every component that the data passed through,
//! each with a proof of its key. It travels in one header; the recipient verifies every
//! link. A request whose chain is not a [`VerifiedChain`] has no caller.

mod extend;
mod refusal;
mod verify;

#[cfg(test)]
mod tests;

use autoclave_base::{Digest, UnixTime, b64, jcs};
use serde::{Deserialize, Serialize};

use crate::jwk::Thumbprint;

pub use extend::{Signer, extend};
pub use refusal::ChainRefusal;
pub use verify::{ChainPolicy, CheckedChain, VerifiedChain, check, verify};

/// The header that carries a chain.
pub const HEADER: &str = "autoclave-chain";

/// The header that carries the link of an answer whose body goes on to another enclave: a
/// chain of that one link, in the form of [`HEADER`].
pub const ANSWER_HEADER: &str = "autoclave-link";

/// `typ` of a link's proof.
pub const PROOF_TYP: &str = "autoclave-proof+jwt";

/// Components between a person and the last recipient.
pub const LINKS_MAX: usize = 6;

/// Longest header that is looked at: six tokens of some 7 KiB, twice in base64.
pub const HEADER_BYTES_MAX: usize = 96 * 1024;

/// Oldest proof (seconds): the upload of a large body, and the work before the next call.
pub const PROOF_AGE_MAX_SECONDS: u64 = 300;

/// One component: its token, and its proof for the request that it sent on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The component's token.
    pub token: String,
    /// JWS by the key that the token binds.
    pub proof: String,
}

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The recipient's signing key.
    pub aud: Thumbprint,
    /// The method of the request.
    pub htm: String,
    /// Its target: path and query.
    pub htu: String,
    /// When it was made.
    pub iat: UnixTime,
    /// Its own random name.
    pub jti: String,
    /// Digest of the request's body.
    pub digest: Digest,
    /// Digest of the token beside it.
    pub tok: Digest,
    /// [`digest_of`] the tokens of all earlier links.
    pub prev: Digest,
}

/// The request that a chain comes with, as its recipient sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// Digest of the whole body.
    pub body: Digest,
}

/// What the proof for an answer names in place of the method of the request that it answers.
/// No method holds a space, so that neither proof passes for the other.
pub fn answer_method(method: &str) -> String {
    format!("{method} answered")
}

/// The digest that stands for some links: of the canonical JSON array of their tokens'
/// digests, in order.
pub fn digest_of(links: &[Link]) -> Digest {
    let digests: Vec<_> = links.iter().map(|link| Digest::of(&link.token)).collect();
    digest_of_digests(&digests)
}

#[expect(clippy::expect_used, reason = "an array of texts always has a canonical form")]
fn digest_of_digests(tokens: &[Digest]) -> Digest {
    jcs::digest(&tokens).expect("texts have a canonical form")
}

/// The header's value for `links`.
#[expect(clippy::expect_used, reason = "an array of texts always has a JSON form")]
pub fn encode(links: &[Link]) -> String {
    b64::encode(serde_json::to_vec(links).expect("texts have a JSON form"))
}

fn decode(header: &str) -> Option<Vec<Link>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let links: Vec<Link> = serde_json::from_slice(&b64::decode(header).ok()?).ok()?;
    (1..=LINKS_MAX).contains(&links.len()).then_some(links)
}
