//! The attestor's public keys (JWKS, RFC 7517, section 5).

use autoclave_base::{Digest, jcs};
use p256::ecdsa::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::jwk::{Jwk, Thumbprint, Usage};

/// Keys in one set: the current one and those whose tokens still live.
const KEYS_MAX: usize = 16;

/// Longest key set that is looked at.
const KEYSET_BYTES_MAX: usize = 16 * 1024;

/// Keys that sign tokens: ES256, each under its own name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Wire {
    keys: Vec<Jwk>,
}

/// The JSON is not a set of named ES256 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a set of named ES256 keys")]
pub struct KeySetRefusal;

impl KeySetRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        "keyset.malformed"
    }
}

impl TryFrom<Wire> for KeySet {
    type Error = KeySetRefusal;

    fn try_from(wire: Wire) -> Result<Self, KeySetRefusal> {
        Self::new(wire.keys)
    }
}

impl KeySet {
    /// A set of keys from [`Jwk::signing`].
    pub fn new(keys: Vec<Jwk>) -> Result<Self, KeySetRefusal> {
        let good = |key: &Jwk| {
            key.verifying_key().is_some()
                && key.usage() == Some(Usage::Signature)
                && key.kid() == Some(key.thumbprint().to_string().as_str())
        };
        let fits = !keys.is_empty() && keys.len() <= KEYS_MAX;
        if fits && keys.iter().all(good) { Ok(Self { keys }) } else { Err(KeySetRefusal) }
    }

    /// Reads a JWKS document. One with a key of another kind is refused as a whole: its
    /// digest is attested, and we must know all that we believe.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetRefusal> {
        if json.len() > KEYSET_BYTES_MAX {
            return Err(KeySetRefusal);
        }
        serde_json::from_slice(json).map_err(|_| KeySetRefusal)
    }

    /// The key of this name.
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.kid() == Some(kid))?.verifying_key()
    }

    /// All keys.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Their thumbprints.
    pub fn thumbprints(&self) -> impl Iterator<Item = Thumbprint> {
        self.keys.iter().map(Jwk::thumbprint)
    }

    /// The digest of the canonical set, which the attestor's own evidence vouches for.
    #[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
    pub fn digest(&self) -> Digest {
        jcs::digest(self).expect("texts have a canonical form")
    }
}
