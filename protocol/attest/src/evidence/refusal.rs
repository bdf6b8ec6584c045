//! Why evidence is refused: one code for each stage of each kind's verifier. The caller's
//! to tell people and machines apart by; no text here comes from the evidence.

use super::{AzureRefusal, DcapRefusal, EventLogRefusal, NitroRefusal, SnpRefusal};

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
    /// SEV-SNP: the report, its key's chain, or what it says.
    #[error("SEV-SNP: {0}")]
    Snp(#[from] SnpRefusal),
    /// An Azure VM: its vTPM, or how that stands on the hardware.
    #[error("Azure VM: {0}")]
    Azure(#[from] AzureRefusal),
    /// AWS Nitro: the document, its key's chain, or what it says.
    #[error("Nitro: {0}")]
    Nitro(#[from] NitroRefusal),
    /// A quote of Intel's.
    #[error(transparent)]
    Dcap(#[from] DcapRefusal),
    /// An event log.
    #[error(transparent)]
    EventLog(#[from] EventLogRefusal),
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
            Self::Snp(refusal) => refusal.code(),
            Self::Azure(refusal) => refusal.code(),
            Self::Nitro(refusal) => refusal.code(),
            Self::Dcap(refusal) => refusal.code(),
            Self::EventLog(refusal) => refusal.code(),
        }
    }

    /// At which stage it fell, for people.
    pub const fn stage(self) -> &'static str {
        match self {
            Self::TooLarge | Self::Kind | Self::Malformed => "form of the evidence",
            Self::Root => "root",
            Self::Signature => "signature",
            Self::ReportData => "binding",
            Self::Stale | Self::NotYetValid => "time",
            Self::TpmAk | Self::TpmAkValidity | Self::TpmAkKey => "signing key of the TPM",
            Self::TpmEk | Self::TpmEkValidity => "endorsement of the TPM",
            Self::TpmQuote | Self::TpmSelection | Self::TpmPcrs => "quote of the TPM",
            Self::TpmLog | Self::EventLog(_) => "event log",
            Self::TpmFirmware => "firmware",
            Self::Dcap(refusal) => refusal.stage(),
            Self::Snp(refusal) => snp_stage(refusal),
            Self::Azure(_) => "vTPM of the Azure VM",
            Self::Nitro(_) => "Nitro document",
        }
    }
}

const fn snp_stage(refusal: SnpRefusal) -> &'static str {
    match refusal {
        SnpRefusal::Report | SnpRefusal::Version | SnpRefusal::Unsigned | SnpRefusal::Asker => {
            "form of the report"
        }
        SnpRefusal::CertificateMissing
        | SnpRefusal::Certificate
        | SnpRefusal::Root
        | SnpRefusal::Chain
        | SnpRefusal::Validity
        | SnpRefusal::Crl
        | SnpRefusal::CrlMissing
        | SnpRefusal::CrlExpired
        | SnpRefusal::Revoked => "certificates",
        SnpRefusal::KeyKind | SnpRefusal::Product | SnpRefusal::TcbBinding | SnpRefusal::ChipId => {
            "key of the report"
        }
        SnpRefusal::Signature => "signature of the report",
        SnpRefusal::Policy
        | SnpRefusal::Debug
        | SnpRefusal::Migration
        | SnpRefusal::Smt
        | SnpRefusal::Vmpl => "policy of the guest",
        SnpRefusal::TcbMinimum | SnpRefusal::AliasCheck => "platform level",
    }
}
