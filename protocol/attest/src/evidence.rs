//! Evidence: what a TEE says about the code inside it and the bytes that code handed in.
//! Each kind has one pure verifier, which its relying party chooses by naming roots. What
//! is not [`Verified`] says nothing, and only verifiers make that.

pub mod azure;
mod certificate;
mod claims;
pub mod dcap;
mod endorsements;
pub mod eventlog;
mod fields;
pub mod nitro;
mod refusal;
pub mod snp;
pub mod software;
pub mod tpm;
mod verifiers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use autoclave_base::{Digest, LogSafe, jcs};
use serde::{Deserialize, Serialize};

pub use azure::{AzureRefusal, AzureSnpVerifier, AzureTdxVerifier};
pub use claims::{Claims, Tcb, TcbStatus, Unbound, Verified};
pub use dcap::{DcapPolicy, DcapRefusal, DcapVerifier};
pub use endorsements::{
    DcapCa, DcapCollateral, DcapKey, DcapTee, Endorsements, EndorsementsRefusal, Expiry,
    ITEM_BYTES_MAX, ITEMS_MAX, SnpAuthority, SnpCrl, VekKey,
};
pub use eventlog::{EventLog, EventLogRefusal};
pub use fields::{AzureFields, DcapFields, Fields, NitroFields, SgxFields, SnpFields, TdxFields};
pub use nitro::{NitroRefusal, NitroVerifier};
pub use refusal::EvidenceRefusal;
pub use snp::{SnpPolicy, SnpRefusal, SnpVerifier};
pub use software::SoftwareVerifier;
pub use tpm::{RootRefusal, TpmClaims, TpmRoot, TpmVerifier};
pub use verifiers::{Root, Verifier, Verifiers};

/// Oldest evidence that is looked at (seconds). Nonces bound it further.
pub const EVIDENCE_AGE_MAX_SECONDS: u64 = 300;

/// Longest evidence that is looked at: a quote with its collateral and an event log of
/// 64 KiB, in base64.
pub const EVIDENCE_BYTES_MAX: usize = 256 * 1024;

/// Libraries that one process can have measured.
const LIBRARIES_MAX: usize = 16;

/// The kinds of TEE. Whether hardware stands behind evidence is no matter of its kind:
/// there are TPMs in software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeeKind {
    /// No TEE: a development root signs. Not confidential.
    Software,
    /// Measured boot: a TPM 2.0 signs what a launcher measured into it.
    Tpm,
    /// An Intel SGX enclave.
    Sgx,
    /// An Intel TDX domain.
    Tdx,
    /// An AMD SEV-SNP guest.
    Snp,
    /// An Azure confidential VM on SEV-SNP, by its vTPM.
    #[serde(rename = "az-snp-vtpm")]
    AzureSnp,
    /// An Azure confidential VM on TDX, by its vTPM.
    #[serde(rename = "az-tdx-vtpm")]
    AzureTdx,
    /// An AWS Nitro enclave.
    Nitro,
}

impl TeeKind {
    /// The kind as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
            Self::Snp => "snp",
            Self::AzureSnp => "az-snp-vtpm",
            Self::AzureTdx => "az-tdx-vtpm",
            Self::Nitro => "nitro",
        }
    }

    /// Whether memory is closed to the machine around it: of all kinds but software, and
    /// measured boot alone.
    pub const fn closes_memory(self) -> bool {
        !matches!(self, Self::Software | Self::Tpm)
    }
}

impl fmt::Display for TeeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogSafe for TeeKind {}

/// Evidence as it travels; says nothing until it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Which verifier understands it.
    pub kind: TeeKind,
    /// The kind's own text form.
    pub body: String,
}

/// What is measured: the program, its configuration, and libraries loaded at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Digest of the executable file.
    pub executable: Digest,
    /// Digest of the configuration file.
    pub configuration: Digest,
    /// Digests of libraries loaded at run time, by name.
    #[serde(default)]
    pub libraries: BTreeMap<String, Digest>,
}

impl Measured {
    /// The measurement: the digest of the canonical JSON of all three.
    #[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
    pub fn measurement(&self) -> Digest {
        jcs::digest(self).expect("texts have a canonical form")
    }
}
