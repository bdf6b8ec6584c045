//! The release manifest: which measurements are which workload, signed by a release key.
//! It belongs to whoever answers for the code; attestor and clients read it alike. A
//! manifest that is not a [`VerifiedManifest`] vouches for nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime};
use p256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

use crate::CLOCK_SKEW_SECONDS;
use crate::evidence::TeeKind;
use crate::jwk::Jwk;
use crate::jws::{self, JwsRefusal, Unverified};

/// `typ` of a manifest.
pub const TYP: &str = "autoclave-release+jwt";

/// Releases in one manifest: what fits a JWS.
const RELEASES_MAX: usize = 128;

/// One release of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The workload.
    pub name: WorkloadName,
    /// Its version, for people.
    pub version: String,
    /// What evidence of this release says.
    pub measurement: Digest,
    /// Digest of its executable; must be there where software or our launcher measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<Digest>,
    /// Digest of its configuration; as the executable's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Digest>,
    /// The lowest security version that is still accepted.
    pub svn: u32,
    /// The kinds of TEE that it may run in.
    pub kinds: BTreeSet<TeeKind>,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Who answers for the releases.
    pub iss: String,
    /// Grows with each manifest, so that an old one can be told.
    pub serial: u64,
    /// When it was signed.
    pub iat: UnixTime,
    /// When it ends.
    pub exp: UnixTime,
    /// The releases.
    pub workloads: Vec<Release>,
}

/// Why a manifest is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefusal {
    /// Not a manifest.
    #[error("the manifest is malformed")]
    Malformed,
    /// Signed by a key that is not a release key of ours.
    #[error("the manifest is signed by an unknown key")]
    KeyUnknown,
    /// The signature is wrong.
    #[error("the signature of the manifest is wrong")]
    Signature,
    /// It ended.
    #[error("the manifest has expired")]
    Expired,
    /// It begins in the future.
    #[error("the manifest is not valid yet")]
    NotYetValid,
    /// It is older than one that was seen before.
    #[error("the manifest is older than one that was seen before")]
    Serial,
}

impl ManifestRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "manifest.malformed",
            Self::KeyUnknown => "manifest.key_unknown",
            Self::Signature => "manifest.signature",
            Self::Expired => "manifest.expired",
            Self::NotYetValid => "manifest.not_yet_valid",
            Self::Serial => "manifest.serial",
        }
    }
}

/// Signs a manifest with a release key.
pub fn sign(manifest: &Manifest, key: &SigningKey) -> String {
    let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
    jws::sign(TYP, &kid, manifest, key)
}

/// A manifest under a release key. Only [`verify_manifest`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedManifest {
    manifest: Manifest,
    raw: String,
    digest: Digest,
}

/// Checks signature, times and form of a manifest.
pub fn verify_manifest(
    raw: &str,
    release_keys: &[Jwk],
    now: UnixTime,
) -> Result<VerifiedManifest, ManifestRefusal> {
    let parsed = Unverified::parse(raw, TYP).map_err(of_jws)?;
    let kid = parsed.kid().ok_or(ManifestRefusal::KeyUnknown)?;
    let key = release_keys
        .iter()
        .filter(|key| key.thumbprint().to_string() == kid)
        .find_map(Jwk::verifying_key)
        .ok_or(ManifestRefusal::KeyUnknown)?;
    let payload = parsed.verify(key).map_err(of_jws)?;
    let manifest: Manifest =
        serde_json::from_slice(&payload).map_err(|_| ManifestRefusal::Malformed)?;
    check(&manifest, now)?;
    Ok(VerifiedManifest { manifest, raw: raw.to_owned(), digest: Digest::of(&payload) })
}

const fn of_jws(refusal: JwsRefusal) -> ManifestRefusal {
    match refusal {
        JwsRefusal::Signature => ManifestRefusal::Signature,
        _ => ManifestRefusal::Malformed,
    }
}

fn check(manifest: &Manifest, now: UnixTime) -> Result<(), ManifestRefusal> {
    if manifest.iat > now.plus(CLOCK_SKEW_SECONDS) {
        return Err(ManifestRefusal::NotYetValid);
    }
    if now >= manifest.exp {
        return Err(ManifestRefusal::Expired);
    }
    let measurements: BTreeSet<_> = manifest.workloads.iter().map(|one| one.measurement).collect();
    // Two workloads under one measurement could stand in for each other.
    if manifest.workloads.len() > RELEASES_MAX || measurements.len() != manifest.workloads.len() {
        return Err(ManifestRefusal::Malformed);
    }
    if manifest.workloads.iter().all(Release::names_its_parts) {
        Ok(())
    } else {
        Err(ManifestRefusal::Malformed)
    }
}

impl Release {
    /// Hardware measures what it starts as a whole; for all else the parts must be named.
    fn names_its_parts(&self) -> bool {
        let parts = self.executable.is_some() && self.configuration.is_some();
        parts || !self.kinds.iter().any(|kind| !kind.closes_memory())
    }
}

impl VerifiedManifest {
    /// The release that has this measurement, if it may run in this kind of TEE.
    pub fn find(&self, measurement: &Digest, kind: TeeKind) -> Option<&Release> {
        let mut releases = self.manifest.workloads.iter();
        releases.find(|one| one.measurement == *measurement && one.kinds.contains(&kind))
    }

    /// All measurements of one workload.
    pub fn measurements_of(&self, workload: &WorkloadName) -> BTreeSet<Digest> {
        let releases = self.manifest.workloads.iter();
        releases.filter(|one| one.name == *workload).map(|one| one.measurement).collect()
    }

    /// What it says.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its serial number.
    pub const fn serial(&self) -> u64 {
        self.manifest.serial
    }

    /// When it ends.
    pub const fn expires(&self) -> UnixTime {
        self.manifest.exp
    }

    /// The digest of its payload as signed.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The JWS.
    pub fn raw(&self) -> &str {
        &self.raw
    }
}
