//! Evidence: what a TEE says about the code inside it and the bytes that code handed in.
//! Each kind has one pure verifier, which its relying party chooses by naming roots. What
//! is not [`Verified`] says nothing, and only verifiers make that.

pub mod software;
pub mod tpm;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use autoclave_base::{Digest, LogSafe, UnixTime, jcs};
use serde::{Deserialize, Serialize};

use crate::jwk::Jwk;
use crate::runtime::ReportData;

pub use software::SoftwareVerifier;
pub use tpm::{RootRefusal, TpmClaims, TpmRoot, TpmVerifier};

/// Oldest evidence that is looked at (seconds). Nonces bound it further.
pub const EVIDENCE_AGE_MAX_SECONDS: u64 = 300;

/// Longest evidence that is looked at: a DCAP quote with its certificates, twice over.
pub const EVIDENCE_BYTES_MAX: usize = 64 * 1024;

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
}

impl TeeKind {
    /// The kind as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
        }
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

/// What verified evidence says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The kind of TEE.
    pub kind: TeeKind,
    /// Whether hardware vouches for it.
    pub hw_backed: bool,
    /// Whether the TEE lets its host look inside.
    pub debug: bool,
    /// One digest over everything measured.
    pub measurement: Digest,
    /// Its parts.
    #[serde(flatten)]
    pub measured: Measured,
    /// The security version of the code.
    pub svn: u32,
    /// What only a TPM's evidence says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<TpmClaims>,
}

impl Claims {
    /// Whether the claims go together: software is never backed by hardware, nor is a TPM
    /// whose maker makes programs, and a TPM's claims stand with TPM evidence only.
    pub fn are_consistent(&self) -> bool {
        let hardware = match (self.kind, &self.tpm) {
            (TeeKind::Software, None) => false,
            (TeeKind::Tpm, Some(tpm)) => !tpm.manufacturer.is_software(),
            _ => return false,
        };
        self.measurement == self.measured.measurement() && (hardware || !self.hw_backed)
    }
}

/// Claims whose evidence verified. Only verifiers make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    claims: Claims,
}

impl Verified {
    pub(crate) const fn new(claims: Claims) -> Self {
        Self { claims }
    }

    /// The claims.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// Why evidence is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceRefusal {
    /// Longer than [`EVIDENCE_BYTES_MAX`].
    #[error("the evidence is too large")]
    TooLarge,
    /// No verifier is configured for its kind.
    #[error("this kind of evidence is not accepted here")]
    Kind,
    /// Not of the form that its kind has.
    #[error("the evidence is malformed")]
    Malformed,
    /// Signed under a root that is not ours.
    #[error("the evidence is signed under an unknown root")]
    Root,
    /// The signature is wrong.
    #[error("the signature of the evidence is wrong")]
    Signature,
    /// It vouches for another nonce or other keys.
    #[error("the evidence vouches for other keys or another nonce")]
    ReportData,
    /// Older than [`EVIDENCE_AGE_MAX_SECONDS`].
    #[error("the evidence is too old")]
    Stale,
    /// Made in the future.
    #[error("the evidence is not valid yet")]
    NotYetValid,
    /// The certificate of the TPM's signing key is malformed, wrongly signed, or for
    /// another TPM.
    #[error("the certificate of the TPM's signing key is refused")]
    TpmAk,
    /// That certificate ended, or begins in the future.
    #[error("the certificate of the TPM's signing key is not valid now")]
    TpmAkValidity,
    /// The signing key may do more than attest, or is of another kind.
    #[error("the TPM's signing key is not an attestation key")]
    TpmAkKey,
    /// A certificate of the endorsement chain is malformed, wrongly signed, or not allowed
    /// to be where it stands.
    #[error("the endorsement certificate of the TPM is refused")]
    TpmEk,
    /// A certificate of that chain ended, or begins in the future.
    #[error("the endorsement certificate of the TPM is not valid now")]
    TpmEkValidity,
    /// The TPM signed something else than a quote.
    #[error("the TPM signed no quote")]
    TpmQuote,
    /// The quote is over other registers than PCR 0 to 15 of the SHA-256 bank.
    #[error("the quote selects other registers")]
    TpmSelection,
    /// The registers shown are not the quoted ones.
    #[error("the registers are not those of the quote")]
    TpmPcrs,
    /// The event log is not of the expected form, or does not make the quoted registers.
    #[error("the event log does not explain the registers")]
    TpmLog,
    /// A register of the firmware's has a value that the root does not know.
    #[error("the machine's firmware is not known")]
    TpmFirmware,
}

impl EvidenceRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "evidence.too_large",
            Self::Kind => "evidence.kind_not_accepted",
            Self::Malformed => "evidence.malformed",
            Self::Root => "evidence.root_unknown",
            Self::Signature => "evidence.signature",
            Self::ReportData => "evidence.report_data",
            Self::Stale => "evidence.stale",
            Self::NotYetValid => "evidence.not_yet_valid",
            Self::TpmAk => "evidence.tpm_ak",
            Self::TpmAkValidity => "evidence.tpm_ak_validity",
            Self::TpmAkKey => "evidence.tpm_ak_key",
            Self::TpmEk => "evidence.tpm_ek",
            Self::TpmEkValidity => "evidence.tpm_ek_validity",
            Self::TpmQuote => "evidence.tpm_quote",
            Self::TpmSelection => "evidence.tpm_selection",
            Self::TpmPcrs => "evidence.tpm_pcrs",
            Self::TpmLog => "evidence.tpm_log",
            Self::TpmFirmware => "evidence.tpm_firmware",
        }
    }
}

/// Verifies one kind of evidence under one root. Pure: time is an argument.
pub trait Verifier: Send + Sync {
    /// The kind that it understands.
    fn kind(&self) -> TeeKind;

    /// Whether its root is for development: what it verifies is never backed by hardware.
    fn development(&self) -> bool;

    /// Checks that `evidence` was made under the root, is fresh at `now`, and vouches for
    /// `report_data`.
    fn verify(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Verified, EvidenceRefusal>;
}

/// A root that somebody trusts, as it stands in a configuration: an object whose `kind`
/// says which kind of TEE it vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Root {
    /// A development root.
    Software {
        /// Its public key.
        jwk: Jwk,
    },
    /// A root of TPMs.
    Tpm(TpmRoot),
}

impl Root {
    /// The kind of TEE that it vouches for.
    pub const fn kind(&self) -> TeeKind {
        match self {
            Self::Software { .. } => TeeKind::Software,
            Self::Tpm(_) => TeeKind::Tpm,
        }
    }
}

/// All verifiers that a party trusts.
#[derive(Default)]
pub struct Verifiers(Vec<Box<dyn Verifier>>);

impl Verifiers {
    /// Trusts nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts what `verifier` accepts as well.
    #[must_use]
    pub fn with(mut self, verifier: impl Verifier + 'static) -> Self {
        self.0.push(Box::new(verifier));
        self
    }

    /// One verifier for each root.
    pub fn from_roots(roots: &[Root]) -> Result<Self, RootRefusal> {
        roots.iter().try_fold(Self::new(), |all, root| match root {
            Root::Software { jwk } => Ok(all.with(SoftwareVerifier::new(jwk)?)),
            Root::Tpm(root) => Ok(all.with(TpmVerifier::new(root)?)),
        })
    }

    /// Whether only hardware is trusted: no root is for development.
    pub fn hardware_only(&self) -> bool {
        !self.0.iter().any(|verifier| verifier.development())
    }

    /// Verifies evidence by the first verifier that knows its root.
    pub fn verify(
        &self,
        evidence: &Evidence,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Verified, EvidenceRefusal> {
        if evidence.body.len() > EVIDENCE_BYTES_MAX {
            return Err(EvidenceRefusal::TooLarge);
        }
        let mut refusal = EvidenceRefusal::Kind;
        for verifier in self.0.iter().filter(|verifier| verifier.kind() == evidence.kind) {
            match verifier.verify(evidence, report_data, now) {
                Err(EvidenceRefusal::Root) => refusal = EvidenceRefusal::Root,
                outcome => return outcome,
            }
        }
        Err(refusal)
    }
}
