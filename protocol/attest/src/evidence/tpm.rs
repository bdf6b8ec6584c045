//! Evidence by a TPM 2.0: a launcher measured the program into the TPM's registers, and the
//! TPM signs them under a key that was certified for it. The rules are the verifier's; no
//! TPM is spoken to here. What the log tells is believed only as far as the quoted
//! registers confirm it, and the launcher only as far as the machine's firmware is known.

mod ak;
mod chain;
pub mod enrol;
mod fields;
mod log;
mod manufacturer;
mod root;
mod verify;
mod wire;

#[cfg(test)]
mod tests;

use autoclave_base::{Digest, b64};
use serde::{Deserialize, Serialize};

use super::{Evidence, TeeKind};
use crate::runtime::ReportData;

pub use ak::AkCertificate;
pub use log::{Event, PCR_BOOTED, Pcr, extend, replay};
pub use manufacturer::Manufacturer;
pub use root::{FirmwarePcr, RootRefusal, TpmRoot};
pub use verify::TpmVerifier;
pub use wire::{AkPublic, Attest, Malformed, Signature};

/// Registers that a quote must select: PCR 0 to 15 of the SHA-256 bank, no more, no fewer.
pub const PCRS: usize = 16;

/// Bytes of the report data that a quote carries: what a TPM takes for a nonce. The other
/// half of the report data must be zero, as [`crate::runtime::Runtime`] makes it.
pub const NONCE_BYTES: usize = 32;

/// What the claims of TPM evidence say beyond those of every kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TpmClaims {
    /// Who made the TPM, as its endorsement certificate says.
    pub manufacturer: Manufacturer,
    /// Digest of the endorsement certificate (DER): which TPM it is.
    pub ek: Digest,
    /// Digest of the launcher, by its own account: as true as the firmware below it.
    pub launcher: Digest,
    /// The workload that the launcher found on a release manifest before it started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<LaunchedWorkload>,
}

/// A workload as the launcher knew it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchedWorkload {
    /// Its name on the manifest.
    pub name: autoclave_base::ids::WorkloadName,
    /// The key that the manifest was signed with.
    pub release_key: crate::jwk::Thumbprint,
}

/// The body of TPM evidence: JSON of exactly these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// `TPMS_ATTEST` of type quote, as the TPM gave it.
    #[serde(with = "b64::serde_bytes")]
    pub quote: Vec<u8>,
    /// `TPMT_SIGNATURE` over it: ECDSA with SHA-256.
    #[serde(with = "b64::serde_bytes")]
    pub signature: Vec<u8>,
    /// The registers 0 to 15, each as 64 hexadecimal digits.
    #[serde(with = "fields::registers")]
    pub pcrs: [Digest; PCRS],
    /// What was extended into the registers from 8 on, in order.
    pub log: Vec<Event>,
    /// The certificate of the signing key: [`enrol::certify`].
    pub ak: String,
    /// The endorsement certificate (DER) and its intermediates up to, not including, a root.
    #[serde(with = "fields::list")]
    pub ek: Vec<Vec<u8>>,
}

impl Body {
    /// The evidence that carries it.
    pub fn into_evidence(self) -> Evidence {
        // Texts and numbers always have a JSON form; an empty body would be refused.
        let body = serde_json::to_string(&self).unwrap_or_default();
        Evidence { kind: TeeKind::Tpm, body }
    }
}

/// The `qualifyingData` (nonce) that a quote over `report_data` must be asked with.
pub fn qualifying_data(report_data: &ReportData) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&report_data[..NONCE_BYTES]);
    nonce
}
