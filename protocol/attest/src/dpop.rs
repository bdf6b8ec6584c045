//! Proof of possession for people, in the shape of `DPoP` (RFC 9449): their client's key
//! signs each request. The server that keeps the key's thumbprint with a session verifies
//! it. The key in the header is proved here, never trusted: trust is the thumbprint's.

#[cfg(test)]
mod tests;

use autoclave_base::{Digest, UnixTime, b64};
use p256::ecdsa::SigningKey;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::CLOCK_SKEW_SECONDS;
use crate::book::{BookRefusal, ProofBook};
use crate::jwk::Thumbprint;
use crate::jws::{self, JwsRefusal, Unverified};
use crate::random_id;

/// The header that carries a proof.
pub const HEADER: &str = "dpop";

/// `typ` of a proof.
pub const TYP: &str = "dpop+jwt";

/// Oldest proof (seconds): the upload of a large body.
pub const PROOF_AGE_MAX_SECONDS: u64 = 300;

/// Random names of proofs are at most this long.
const JTI_BYTES_MAX: usize = 128;

#[derive(Serialize, Deserialize)]
struct Proof {
    htm: String,
    htu: String,
    iat: UnixTime,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
}

/// The request that a proof comes with.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, without scheme, host and query.
    pub path: &'a str,
    /// The session that it comes with, if any.
    pub session: Option<&'a str>,
}

impl Facts<'_> {
    /// RFC 9449, section 4.2: the hash of the session's text.
    fn ath(&self) -> Option<String> {
        self.session.map(|session| b64::encode(Digest::of(session).bytes()))
    }
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DpopRefusal {
    /// There is none.
    #[error("the request comes without a proof")]
    Missing,
    /// Not a proof.
    #[error("the proof is malformed")]
    Malformed,
    /// Another algorithm than ES256.
    #[error("the proof's algorithm is not allowed")]
    Alg,
    /// Not signed by the key it brings.
    #[error("the proof's signature is wrong")]
    Signature,
    /// For another method or path.
    #[error("the proof is for another request")]
    Target,
    /// For another session, or none.
    #[error("the proof is for another session")]
    Session,
    /// Too old or from the future.
    #[error("the proof is not fresh")]
    Stale,
    /// Used before.
    #[error("the proof was used before")]
    Replayed,
    /// Too many proofs have to be remembered.
    #[error("too many requests at once")]
    Busy,
}

impl DpopRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "dpop.missing",
            Self::Malformed => "dpop.malformed",
            Self::Alg => "dpop.alg_not_allowed",
            Self::Signature => "dpop.signature",
            Self::Target => "dpop.target",
            Self::Session => "dpop.session",
            Self::Stale => "dpop.stale",
            Self::Replayed => "dpop.replayed",
            Self::Busy => "dpop.busy",
        }
    }
}

impl From<JwsRefusal> for DpopRefusal {
    fn from(refusal: JwsRefusal) -> Self {
        match refusal {
            JwsRefusal::Alg => Self::Alg,
            JwsRefusal::Signature => Self::Signature,
            _ => Self::Malformed,
        }
    }
}

impl From<BookRefusal> for DpopRefusal {
    fn from(refusal: BookRefusal) -> Self {
        match refusal {
            BookRefusal::Replayed => Self::Replayed,
            BookRefusal::Busy => Self::Busy,
        }
    }
}

/// Makes the proof for one request.
pub fn prove(
    key: &SigningKey,
    facts: Facts<'_>,
    rng: &mut (impl CryptoRng + ?Sized),
    now: UnixTime,
) -> String {
    let proof = Proof {
        htm: facts.method.to_owned(),
        htu: facts.path.to_owned(),
        iat: now,
        jti: random_id(rng),
        ath: facts.ath(),
    };
    jws::sign_with_jwk(TYP, None, &proof, key)
}

/// The holder of a key, proved for one request. Only [`verify`] makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvedKey {
    jkt: Thumbprint,
}

impl ProvedKey {
    /// The key's thumbprint (`jkt`), to compare with the one that is trusted.
    pub const fn jkt(&self) -> Thumbprint {
        self.jkt
    }
}

/// Checks that whoever sends the request `facts` holds the key in the proof's header.
///
/// Nothing is noted in `book` unless all else holds.
pub fn verify(
    header: Option<&str>,
    facts: Facts<'_>,
    book: &mut ProofBook,
    now: UnixTime,
) -> Result<ProvedKey, DpopRefusal> {
    let parsed = Unverified::parse(header.ok_or(DpopRefusal::Missing)?, TYP)?;
    let jwk = parsed.jwk().ok_or(DpopRefusal::Malformed)?;
    let key = jwk.verifying_key().ok_or(DpopRefusal::Malformed)?;
    let payload = parsed.verify(key)?;
    let proof: Proof = serde_json::from_slice(&payload).map_err(|_| DpopRefusal::Malformed)?;
    about(&proof, facts)?;
    let (made, latest) = (proof.iat, now.plus(CLOCK_SKEW_SECONDS));
    let stale = made.plus(PROOF_AGE_MAX_SECONDS);
    if made > latest || now > stale {
        return Err(DpopRefusal::Stale);
    }
    let jkt = jwk.thumbprint();
    let name = Digest::of_parts(&[jkt.digest().bytes(), proof.jti.as_bytes()]);
    book.admit(name, stale, now)?;
    Ok(ProvedKey { jkt })
}

fn about(proof: &Proof, facts: Facts<'_>) -> Result<(), DpopRefusal> {
    if proof.jti.is_empty() || proof.jti.len() > JTI_BYTES_MAX {
        return Err(DpopRefusal::Malformed);
    }
    if proof.htm != facts.method || proof.htu != facts.path {
        return Err(DpopRefusal::Target);
    }
    if proof.ath != facts.ath() {
        return Err(DpopRefusal::Session);
    }
    Ok(())
}
