//! What broker and recipient of a key agree on: the answer's form, and what a wrapped key
//! is bound to. The cell's, so that both sides cannot differ. Who may have a key is the
//! broker's decision and nothing of this.

use std::sync::Arc;

use autoclave_base::ids::KeyName;
use autoclave_base::{Digest, Problem, Secret, jcs};
use autoclave_seal::wrap::Wrapped;
use axum::body::Bytes;
use http::{Method, Request};
use serde::{Deserialize, Serialize};

use crate::{Cell, Peer, PeerError};

/// The HPKE `info` of every released key.
pub const INFO: &[u8] = b"autoclave key release v1";

/// The one code for every refusal, whatever its reason.
pub const REFUSED: &str = "release.refused";

/// Bytes of every key in a broker.
pub const KEY_BYTES: usize = 32;

/// How long a key may be used after the broker was last asked, in seconds: the bound within
/// which a revocation takes effect where the key is already. Whoever cannot ask gives the
/// key up at the end as well, so that cutting the line to the broker keeps nothing alive.
pub const LEASE_SECONDS_MAX: u64 = 120;

/// How often a holder asks, in seconds: some times within a lease, so that a broker that
/// starts again costs nobody a key.
pub const LEASE_SECONDS_ASKED: u64 = 30;

/// The broker's answer to a holder that asks whether it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Which version.
    pub version: u32,
    /// For how long from now on.
    pub seconds: u64,
}

/// The broker's answer: a key that only the holder of one token's keys can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedKey {
    /// Which key.
    pub key: KeyName,
    /// Which of its versions.
    pub version: u32,
    /// The token that it was released to.
    pub token: Digest,
    /// The key itself.
    pub wrapped: Wrapped,
}

#[derive(Serialize)]
struct Binding<'a> {
    key: &'a KeyName,
    version: u32,
    token: Digest,
}

/// The HPKE `aad` of a released key: the canonical JSON of key, version and token.
#[expect(clippy::expect_used, reason = "texts and a small number have a canonical form")]
pub fn binding(key: &KeyName, version: u32, token: Digest) -> Vec<u8> {
    jcs::to_vec(&Binding { key, version, token }).expect("texts have a canonical form")
}

/// A key that was obtained from a broker.
pub struct ObtainedKey {
    /// Which of its versions.
    pub version: u32,
    /// The key.
    pub secret: Secret<[u8; KEY_BYTES]>,
}

/// Why a key was not obtained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObtainError {
    /// The broker could not be asked.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The broker refused; it does not say why. Its administrator can read it there.
    #[error("the broker does not release the key")]
    Refused,
    /// The broker cannot answer now; later it may.
    #[error("the broker cannot answer now")]
    Unavailable,
    /// The broker's answer is not a released key, or another one.
    #[error("the broker's answer is not the key that was asked for")]
    Malformed,
    /// The key does not open.
    #[error("the released key does not open")]
    Unopened,
}

impl ObtainError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Peer(error) => error.code(),
            Self::Refused => REFUSED,
            Self::Unavailable => "release.unavailable",
            Self::Malformed => "release.malformed",
            Self::Unopened => "release.unopened",
        }
    }
}

/// Asks `broker` for the current version of `key`, and opens it with this enclave's own
/// sealing key.
pub async fn obtain(
    cell: &Arc<Cell>,
    broker: &Peer,
    key: &KeyName,
) -> Result<ObtainedKey, ObtainError> {
    let answer = ask(broker, &format!("/keys/{key}/release"), Bytes::new()).await?;
    let released: ReleasedKey =
        serde_json::from_slice(&answer).map_err(|_| ObtainError::Malformed)?;
    open(cell, &released, key)
}

/// Asks `broker` whether a version of `key` that was obtained may be used further, and for
/// how many seconds.
pub async fn renew(broker: &Peer, key: &KeyName, version: u32) -> Result<u64, ObtainError> {
    let body = Bytes::from(format!(r#"{{"version":{version}}}"#));
    let answer = ask(broker, &format!("/keys/{key}/lease"), body).await?;
    let lease: Lease = serde_json::from_slice(&answer).map_err(|_| ObtainError::Malformed)?;
    let own = lease.version == version;
    own.then(|| lease.seconds.min(LEASE_SECONDS_MAX)).ok_or(ObtainError::Malformed)
}

async fn ask(broker: &Peer, path: &str, body: Bytes) -> Result<Bytes, ObtainError> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().map_err(|_| ObtainError::Malformed)?;
    let answer = broker.send(request, &[]).await?;
    if answer.status().is_server_error() {
        return Err(ObtainError::Unavailable);
    }
    if !answer.status().is_success() {
        let refused = Problem::parse(answer.body()).is_some_and(|it| it.code == REFUSED);
        return Err(if refused { ObtainError::Refused } else { ObtainError::Malformed });
    }
    Ok(answer.into_body())
}

fn open(cell: &Cell, released: &ReleasedKey, key: &KeyName) -> Result<ObtainedKey, ObtainError> {
    if released.key != *key {
        return Err(ObtainError::Malformed);
    }
    let aad = binding(key, released.version, released.token);
    let secret = cell.unwrap(&released.wrapped, INFO, &aad).map_err(|_| ObtainError::Unopened)?;
    let secret = <[u8; KEY_BYTES]>::try_from(secret.expose().as_slice());
    let secret = Secret::new(secret.map_err(|_| ObtainError::Unopened)?);
    Ok(ObtainedKey { version: released.version, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_is_canonical_json() {
        let key = KeyName::parse("model/brain-mri").unwrap();
        let text = String::from_utf8(binding(&key, 2, Digest::of(""))).unwrap();
        let token = Digest::of("");
        let expected = format!(r#"{{"key":"model/brain-mri","token":"{token}","version":2}}"#);
        assert_eq!(text, expected);
    }
}
