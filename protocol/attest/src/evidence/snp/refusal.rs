//! Why an SEV-SNP report is refused: one code for each check, in the order of the checks.
//! The verifier's; no text here comes from the evidence.

/// Why an SEV-SNP report is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnpRefusal {
    /// Not as long as a report, or a reserved byte of it is not zero.
    #[error("the bytes are no SEV-SNP report")]
    Report,
    /// A version of the report that is not known here.
    #[error("the version of the report is not known")]
    Version,
    /// The firmware did not sign it, or not by ECDSA on P-384 with SHA-384.
    #[error("the report is not signed, or not by the algorithm of SEV-SNP")]
    Unsigned,
    /// The host asked for it, not the guest; or a privilege level that there is not.
    #[error("the report was not asked for by a guest")]
    Asker,
    /// A certificate is neither in the evidence nor known already.
    #[error("a certificate of the report's key is missing")]
    CertificateMissing,
    /// Something is no certificate of the form that AMD issues.
    #[error("a certificate of the report's key is malformed")]
    Certificate,
    /// The chain does not end in one of AMD's root keys.
    #[error("the report's key does not stand under a known root")]
    Root,
    /// A certificate is not signed by the one above, or not allowed to stand where it does.
    #[error("the chain of the report's key is broken")]
    Chain,
    /// A certificate ended, or begins in the future.
    #[error("a certificate of the report's key is not valid now")]
    Validity,
    /// A list of revoked certificates is malformed or not signed by AMD.
    #[error("the list of revoked certificates is refused")]
    Crl,
    /// The policy wants a list of revoked certificates, and there is none.
    #[error("the list of revoked certificates is missing")]
    CrlMissing,
    /// The policy wants a list that is in force now.
    #[error("the list of revoked certificates is not in force")]
    CrlExpired,
    /// A certificate was revoked.
    #[error("a certificate of the report's key is revoked")]
    Revoked,
    /// The report names another kind of key than the certificate is for.
    #[error("the report was signed by another kind of key than its certificate is for")]
    KeyKind,
    /// The signature is wrong.
    #[error("the signature of the report is wrong")]
    Signature,
    /// Report and certificate are of different processors, or of one that the policy
    /// does not accept.
    #[error("the report is of another processor")]
    Product,
    /// The certificate is for other security versions than those that the report tells.
    #[error("the report's key is of another platform version")]
    TcbBinding,
    /// The certificate is for another chip, or the report hides which chip it is of.
    #[error("the report's key is of another chip")]
    ChipId,
    /// The guest's policy says what no version that is known here says.
    #[error("the guest's policy is not understood")]
    Policy,
    /// The host may look inside.
    #[error("the guest may be debugged")]
    Debug,
    /// A migration agent may move the guest.
    #[error("the guest may be migrated")]
    Migration,
    /// A neighbour on the same core may run, and the policy forbids it.
    #[error("the guest may share its core")]
    Smt,
    /// Asked for by less privileged software than the policy accepts.
    #[error("the report was asked for by software with too few privileges")]
    Vmpl,
    /// The platform is older than the policy accepts.
    #[error("the platform is too old")]
    TcbMinimum,
    /// The platform did not check its memory for aliases, and the policy wants it to.
    #[error("the platform did not check its memory for aliases")]
    AliasCheck,
}

impl SnpRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Report => "evidence.snp_report",
            Self::Version => "evidence.snp_version",
            Self::Unsigned => "evidence.snp_unsigned",
            Self::Asker => "evidence.snp_asker",
            Self::CertificateMissing => "evidence.snp_certificate_missing",
            Self::Certificate => "evidence.snp_certificate",
            Self::Root => "evidence.snp_root",
            Self::Chain => "evidence.snp_chain",
            Self::Validity => "evidence.snp_validity",
            Self::Crl => "evidence.snp_crl",
            Self::CrlMissing => "evidence.snp_crl_missing",
            Self::CrlExpired => "evidence.snp_crl_expired",
            Self::Revoked => "evidence.snp_revoked",
            Self::KeyKind => "evidence.snp_key_kind",
            Self::Signature => "evidence.snp_signature",
            Self::Product => "evidence.snp_product",
            Self::TcbBinding => "evidence.snp_tcb_binding",
            Self::ChipId => "evidence.snp_chip_id",
            Self::Policy => "evidence.snp_policy",
            Self::Debug => "evidence.snp_debug",
            Self::Migration => "evidence.snp_migration",
            Self::Smt => "evidence.snp_smt",
            Self::Vmpl => "evidence.snp_vmpl",
            Self::TcbMinimum => "evidence.snp_tcb_minimum",
            Self::AliasCheck => "evidence.snp_alias_check",
        }
    }
}
