//! The runtime object: the nonce and the public keys that evidence vouches for. Each
//! enclave makes its own; its digest is the `report_data` of every kind of TEE. An object
//! without exactly one signing key, or with two keys under one name, cannot be made.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use autoclave_base::{Digest, jcs};
use serde::{Deserialize, Serialize};

use crate::jwk::{Jwk, Key, Thumbprint, Usage};
use crate::nonce::Nonce;

/// Keys in one object: signing, ledger, and sealing keys of two kinds in two versions,
/// with room.
pub const KEYS_MAX: usize = 8;

/// The name of the key that signs an enclave's ledger.
pub const LEDGER_KID: &str = "ledger";

/// What evidence vouches for, besides the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Runtime {
    nonce: Nonce,
    keys: Vec<Jwk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    nonce: Nonce,
    keys: Vec<Jwk>,
    jwks: Option<Digest>,
}

/// Why some keys do not make a runtime object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeRefusal {
    /// More than [`KEYS_MAX`] keys.
    #[error("the runtime object holds too many keys")]
    TooMany,
    /// Not exactly one ES256 key for signatures under its thumbprint.
    #[error("the runtime object holds no signing key, or several")]
    Signing,
    /// Two keys have the same name, or one has none.
    #[error("a key of the runtime object has no name of its own")]
    Names,
}

impl RuntimeRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooMany => "runtime.too_many_keys",
            Self::Signing => "runtime.signing_key",
            Self::Names => "runtime.key_names",
        }
    }
}

impl TryFrom<Wire> for Runtime {
    type Error = RuntimeRefusal;

    fn try_from(wire: Wire) -> Result<Self, RuntimeRefusal> {
        Self::new(wire.nonce, wire.keys, wire.jwks)
    }
}

impl Runtime {
    /// The object over `keys`: exactly one from [`Jwk::signing`], any number of sealing
    /// keys, at most one ledger key. `jwks` is the digest of the key set that an
    /// attestor signs tokens with; other roles have none.
    pub fn new(nonce: Nonce, keys: Vec<Jwk>, jwks: Option<Digest>) -> Result<Self, RuntimeRefusal> {
        if keys.len() > KEYS_MAX {
            return Err(RuntimeRefusal::TooMany);
        }
        let names: BTreeSet<_> = keys.iter().filter_map(Jwk::kid).collect();
        if names.len() != keys.len() {
            return Err(RuntimeRefusal::Names);
        }
        if keys.iter().filter(|key| is_signing(key)).count() != 1 {
            return Err(RuntimeRefusal::Signing);
        }
        Ok(Self { nonce, keys, jwks })
    }

    /// The nonce that makes the evidence fresh.
    pub const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// All keys.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The digest of the attestor's key set, on attestors.
    pub const fn jwks(&self) -> Option<&Digest> {
        self.jwks.as_ref()
    }

    /// The key that signs in the enclave's name.
    #[expect(clippy::expect_used, reason = "`new` admits only objects with one signing key")]
    pub fn signing(&self) -> &Jwk {
        self.keys.iter().find(|key| is_signing(key)).expect("checked when made")
    }

    /// The thumbprint of the signing key: the enclave's name as long as it runs.
    pub fn thumbprint(&self) -> Thumbprint {
        self.signing().thumbprint()
    }

    /// The keys that requests are sealed to, with their OHTTP key ids.
    pub fn sealing(&self) -> impl Iterator<Item = (u8, &Jwk)> {
        self.keys.iter().filter_map(|key| Some((key.sealing_key_id()?, key)))
    }

    /// The Ed25519 key of the enclave's ledger.
    pub fn ledger(&self) -> Option<[u8; 32]> {
        self.keys.iter().find_map(|key| match key.key() {
            Key::Ed25519(public) if key.kid() == Some(LEDGER_KID) => Some(*public),
            _ => None,
        })
    }

    /// What the TEE signs: SHA-256 of the canonical object, left-aligned, zero-padded.
    pub fn report_data(&self) -> ReportData {
        let mut data = [0; 64];
        data[..32].copy_from_slice(self.digest().bytes());
        data
    }

    #[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
    fn digest(&self) -> Digest {
        jcs::digest(self).expect("texts have a canonical form")
    }
}

/// Bytes that every kind of TEE signs for its caller.
pub const REPORT_DATA_BYTES: usize = 64;

/// The bytes that every kind of TEE signs for its caller.
pub type ReportData = [u8; REPORT_DATA_BYTES];

fn is_signing(key: &Jwk) -> bool {
    key.verifying_key().is_some()
        && key.usage() == Some(Usage::Signature)
        && key.kid() == Some(key.thumbprint().to_string().as_str())
}
