//! Public keys as JSON Web Keys (RFC 7517), and their thumbprints (RFC 7638). Every party
//! names keys this way. No private key can be held, read or written here.

mod thumbprint;
mod wire;

#[cfg(test)]
mod tests;

use autoclave_base::{b64, jcs};
use p256::ecdsa::VerifyingKey;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use thumbprint::{Thumbprint, ThumbprintError};

use wire::Wire;

/// Bytes of an X-Wing public key: ML-KEM-768 (1184) and X25519 (32).
pub const XWING_PUBLIC_BYTES: usize = 1216;

/// What a key is for (`use`, RFC 7517, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Usage {
    /// Signatures.
    #[serde(rename = "sig")]
    Signature,
    /// Encryption to the key's holder.
    #[serde(rename = "enc")]
    Encryption,
}

/// The key material, one variant for each kind that we speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A point of P-256 (kty `EC`), valid by construction.
    EcP256(VerifyingKey),
    /// X25519 (kty `OKP`, RFC 8037).
    X25519([u8; 32]),
    /// Ed25519 (kty `OKP`, RFC 8037).
    Ed25519([u8; 32]),
    /// X-Wing (kty `AKP`, alg `X-Wing`), [`XWING_PUBLIC_BYTES`] long.
    XWing(Vec<u8>),
}

/// One public key with its name and use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Jwk {
    kid: Option<String>,
    usage: Option<Usage>,
    key: Key,
}

/// Why some JSON is not a public key that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkRefusal {
    /// A kind, curve or algorithm that we do not speak.
    #[error("the kind of key is not supported")]
    Unsupported,
    /// Members are missing, too many, or do not make a valid key.
    #[error("the members do not make a valid key")]
    Malformed,
    /// The JWK carries private members: whoever sent it has leaked its key.
    #[error("the key carries private members")]
    Private,
}

impl JwkRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsupported => "jwk.unsupported",
            Self::Malformed => "jwk.malformed",
            Self::Private => "jwk.private",
        }
    }
}

impl Jwk {
    /// A signing key (ES256), named by its thumbprint.
    pub fn signing(key: &VerifyingKey) -> Self {
        let jwk = Self { kid: None, usage: Some(Usage::Signature), key: Key::EcP256(*key) };
        let kid = jwk.thumbprint().to_string();
        jwk.named(kid)
    }

    /// An X25519 sealing key under its OHTTP key id.
    pub fn x25519(key_id: u8, public: [u8; 32]) -> Self {
        Self::sealing(key_id, Key::X25519(public))
    }

    /// An X-Wing sealing key under its OHTTP key id.
    pub fn xwing(key_id: u8, public: &[u8]) -> Result<Self, JwkRefusal> {
        if public.len() != XWING_PUBLIC_BYTES {
            return Err(JwkRefusal::Malformed);
        }
        Ok(Self::sealing(key_id, Key::XWing(public.to_vec())))
    }

    /// An Ed25519 signing key under the name `kid` (the ledger's is `ledger`).
    pub fn ed25519(kid: &str, public: [u8; 32]) -> Self {
        Self { kid: Some(kid.to_owned()), usage: Some(Usage::Signature), key: Key::Ed25519(public) }
    }

    fn sealing(key_id: u8, key: Key) -> Self {
        Self { kid: Some(key_id.to_string()), usage: Some(Usage::Encryption), key }
    }

    fn named(mut self, kid: String) -> Self {
        self.kid = Some(kid);
        self
    }

    /// The key's name, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What the key is for, if it says so.
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The key material.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The ES256 key, if this is one.
    pub const fn verifying_key(&self) -> Option<&VerifyingKey> {
        match &self.key {
            Key::EcP256(key) => Some(key),
            _ => None,
        }
    }

    /// The OHTTP key id: `kid` as a decimal number of one byte, on encryption keys only.
    pub fn sealing_key_id(&self) -> Option<u8> {
        let id: u8 = self.kid.as_deref()?.parse().ok()?;
        let canonical = self.kid.as_deref() == Some(id.to_string().as_str());
        (canonical && self.usage == Some(Usage::Encryption)).then_some(id)
    }

    /// The RFC 7638 thumbprint: of the key material alone, not of its name or use.
    pub fn thumbprint(&self) -> Thumbprint {
        let members = match &self.key {
            Key::EcP256(key) => {
                let (x, y) = coordinates(key);
                json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
            }
            Key::X25519(x) => json!({"crv": "X25519", "kty": "OKP", "x": b64::encode(x)}),
            Key::Ed25519(x) => json!({"crv": "Ed25519", "kty": "OKP", "x": b64::encode(x)}),
            Key::XWing(x) => json!({"alg": "X-Wing", "kty": "AKP", "pub": b64::encode(x)}),
        };
        Thumbprint::from_digest(canonical_digest(&members))
    }
}

/// Affine coordinates in base64url.
fn coordinates(key: &VerifyingKey) -> (String, String) {
    let point = key.to_sec1_point(false);
    let bytes = point.as_bytes();
    (b64::encode(&bytes[1..33]), b64::encode(&bytes[33..]))
}

#[expect(clippy::expect_used, reason = "strings in an object always have a canonical form")]
fn canonical_digest(members: &serde_json::Value) -> autoclave_base::Digest {
    jcs::digest(members).expect("strings have a canonical form")
}
