//! Adding one's own link.

use autoclave_base::{Digest, UnixTime};
use p256::ecdsa::SigningKey;
use rand_core::CryptoRng;

use super::{Facts, Link, PROOF_TYP, Proof, digest_of};
use crate::jwk::Thumbprint;
use crate::jws;
use crate::random_id;
use crate::token::VerifiedToken;

/// A component that sends a request: its token, and the key that the token binds.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The token.
    pub token: &'a VerifiedToken,
    /// Its key.
    pub key: &'a SigningKey,
}

/// The chain to send on: the `earlier` links as they were received, and one's own for the
/// request `facts` to `recipient`.
pub fn extend(
    earlier: &[Link],
    signer: Signer<'_>,
    recipient: Thumbprint,
    facts: Facts<'_>,
    rng: &mut (impl CryptoRng + ?Sized),
    now: UnixTime,
) -> Vec<Link> {
    let proof = Proof {
        aud: recipient,
        htm: facts.method.to_owned(),
        htu: facts.target.to_owned(),
        iat: now,
        jti: random_id(rng),
        digest: facts.body,
        tok: Digest::of(signer.token.raw()),
        prev: digest_of(earlier),
    };
    let kid = signer.token.thumbprint().to_string();
    let proof = jws::sign(PROOF_TYP, &kid, &proof, signer.key);
    let own = Link { token: signer.token.raw().to_owned(), proof };
    earlier.iter().cloned().chain([own]).collect()
}
