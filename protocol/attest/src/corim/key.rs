//! The keys that may sign reference values: P-256 with ES256, P-384 with ES384, as a
//! configuration names them. A key that came with a document is never looked at.

use autoclave_base::{Digest, b64, jcs};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// A signature's algorithm, by its number in COSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
        }
    }

    pub(super) fn of(number: i64) -> Option<Self> {
        [Self::Es256, Self::Es384].into_iter().find(|known| known.number() == number)
    }
}

/// A public key as a JWK: `{"kty": "EC", "crv": "P-256" | "P-384", "x", "y"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct CorimKey {
    algorithm: Algorithm,
    x: Vec<u8>,
    y: Vec<u8>,
}

/// The members of RFC 7638's thumbprint, in its order; others that a JWK has are ignored.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

/// The key is not one that can sign reference values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key for reference values is an EC key on P-256 or P-384")]
pub struct KeyRefusal;

impl TryFrom<Wire> for CorimKey {
    type Error = KeyRefusal;

    fn try_from(wire: Wire) -> Result<Self, KeyRefusal> {
        let (algorithm, length) = match (wire.kty.as_str(), wire.crv.as_str()) {
            ("EC", "P-256") => (Algorithm::Es256, 32),
            ("EC", "P-384") => (Algorithm::Es384, 48),
            _ => return Err(KeyRefusal),
        };
        let part = |text: &str| {
            let bytes = b64::decode(text).ok();
            bytes.filter(|bytes| bytes.len() == length).ok_or(KeyRefusal)
        };
        Ok(Self { algorithm, x: part(&wire.x)?, y: part(&wire.y)? })
    }
}

impl From<CorimKey> for Wire {
    fn from(key: CorimKey) -> Self {
        let crv = match key.algorithm {
            Algorithm::Es256 => "P-256",
            Algorithm::Es384 => "P-384",
        };
        let (x, y) = (b64::encode(&key.x), b64::encode(&key.y));
        Self { crv: crv.to_owned(), kty: "EC".to_owned(), x, y }
    }
}

impl CorimKey {
    /// The thumbprint (RFC 7638).
    #[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
    pub fn thumbprint(&self) -> Digest {
        jcs::digest(&Wire::from(self.clone())).expect("texts have a canonical form")
    }

    pub(super) fn has_signed(&self, by: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let point = [&[4][..], &self.x, &self.y].concat();
        let verified =
            match by {
                Algorithm::Es256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature),
                Algorithm::Es384 => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                    .verify(message, signature),
            };
        by == self.algorithm && verified.is_ok()
    }
}
