//! What a relying party starts from: roots and release keys, and no key of an attestor.

use serde::{Deserialize, Serialize};

use crate::evidence::{Root, RootRefusal, Verifiers};
use crate::jwk::{Jwk, JwkRefusal};

/// Trust as it stands in a file or a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchors {
    /// Roots of TEEs.
    pub roots: Vec<Root>,
    /// Keys that sign release manifests.
    pub release_keys: Vec<Jwk>,
    /// `iss` of the attestor's tokens.
    pub issuer: String,
    /// The lowest serial of a manifest that is accepted.
    #[serde(default)]
    pub manifest_serial_min: u64,
}

/// Trust, ready to verify with.
pub struct Trust {
    pub(super) verifiers: Verifiers,
    pub(super) release_keys: Vec<Jwk>,
    pub(super) issuer: String,
    pub(super) manifest_serial_min: u64,
}

impl TryFrom<TrustAnchors> for Trust {
    type Error = RootRefusal;

    fn try_from(anchors: TrustAnchors) -> Result<Self, RootRefusal> {
        if anchors.release_keys.iter().any(|key| key.verifying_key().is_none()) {
            return Err(JwkRefusal::Unsupported.into());
        }
        Ok(Self {
            verifiers: Verifiers::from_roots(&anchors.roots)?,
            release_keys: anchors.release_keys,
            issuer: anchors.issuer,
            manifest_serial_min: anchors.manifest_serial_min,
        })
    }
}

impl Trust {
    /// The verifiers of its roots.
    pub const fn verifiers(&self) -> &Verifiers {
        &self.verifiers
    }

    /// The keys that sign release manifests.
    pub fn release_keys(&self) -> &[Jwk] {
        &self.release_keys
    }

    /// `iss` of the attestor's tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The lowest serial of a manifest that is accepted.
    pub const fn manifest_serial_min(&self) -> u64 {
        self.manifest_serial_min
    }

    /// Whether evidence and tokens must be backed by hardware: unless a development root
    /// is trusted by name.
    pub fn hardware_required(&self) -> bool {
        self.verifiers.hardware_only()
    }
}
