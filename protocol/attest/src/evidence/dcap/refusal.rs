//! Why a DCAP quote is refused: one code for each stage.

use crate::evidence::TcbStatus;

/// Why a DCAP quote is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DcapRefusal {
    /// Not a quote, cut off, too long, or followed by something else.
    #[error("the quote is malformed")]
    Parse,
    /// A version, key type or quoting enclave that is not accepted.
    #[error("the quote is of a version, key type or vendor that is not accepted")]
    Unsupported,
    /// An SGX quote where TDX is asked for, or the other way round.
    #[error("the quote is of another kind of TEE")]
    Tee,
    /// It brings no platform certificate, nor does the collateral.
    #[error("the platform's certificate is in neither quote nor collateral")]
    PckMissing,
    /// Neither the evidence nor the store has the collateral.
    #[error("the collateral for this platform is missing")]
    CollateralMissing,
    /// Not of the form that Intel's collateral has, or too large.
    #[error("the collateral is malformed")]
    CollateralMalformed,
    /// It ended.
    #[error("the collateral has expired")]
    CollateralExpired,
    /// It begins in the future.
    #[error("the collateral is not valid yet")]
    CollateralNotYetValid,
    /// It is for another kind of platform.
    #[error("the collateral is for another platform")]
    CollateralMismatch,
    /// A certificate does not lead to Intel's root.
    #[error("a chain of certificates does not lead to the pinned root")]
    Chain,
    /// A certificate ended, or begins in the future.
    #[error("a certificate is not valid now")]
    CertificateValidity,
    /// A list of revoked certificates is wrongly signed, or for other certificates.
    #[error("a list of revoked certificates is refused")]
    Crl,
    /// A certificate or the platform's level is revoked.
    #[error("a certificate or the platform is revoked")]
    Revoked,
    /// The TCB info is wrongly signed or malformed.
    #[error("the TCB info is refused")]
    TcbInfo,
    /// The quoting enclave's identity is wrongly signed, or not this enclave's.
    #[error("the quoting enclave is not the one that Intel names")]
    QeIdentity,
    /// The platform's key did not sign the quoting enclave's report, or that does not
    /// vouch for the key of the quote.
    #[error("the quoting enclave's report is refused")]
    QeReport,
    /// The quote's own signature is wrong.
    #[error("the signature of the quote is wrong")]
    Signature,
    /// The TDX module is not one that Intel signed.
    #[error("the TDX module is refused")]
    TdxModule,
    /// Its host can look inside.
    #[error("debugging is enabled")]
    Debug,
    /// Its host can profile it.
    #[error("profiling is enabled")]
    Profiling,
    /// It may be migrated.
    #[error("migration is enabled")]
    Migratable,
    /// Its host may take pages away without notice (Azure's `DCesv5`).
    #[error("SEPT_VE_DISABLE is off: the host may take pages away without notice")]
    SeptVeDisable,
    /// Another domain is bound to it, and may look inside.
    #[error("a service domain is bound to it")]
    ServiceTd,
    /// Attributes that must be zero are not, or contradict each other.
    #[error("reserved attributes are set")]
    Attributes,
    /// Older than the oldest level that Intel still names.
    #[error("the platform is older than any level that Intel still names")]
    TcbNoLevel,
    /// A level that the policy does not accept.
    #[error("the platform's status is {0}")]
    TcbStatus(TcbStatus),
    /// Intel's evaluation is older than the policy asks for.
    #[error("the platform was judged by an evaluation that is too old")]
    TcbEvaluation,
    /// An advisory that the policy names concerns it.
    #[error("an advisory that the policy refuses concerns the platform")]
    Advisory,
    /// Hyper-threading, another package, or cached keys, where the policy refuses them.
    #[error("the platform's settings are refused by policy")]
    Platform,
    /// The library refuses it for a reason that has no stage here.
    #[error("the quote does not verify")]
    Other,
}

impl DcapRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Parse => "evidence.dcap_parse",
            Self::Unsupported => "evidence.dcap_unsupported",
            Self::Tee => "evidence.dcap_tee",
            Self::PckMissing => "evidence.dcap_pck_missing",
            Self::CollateralMissing => "evidence.dcap_collateral_missing",
            Self::CollateralMalformed => "evidence.dcap_collateral_malformed",
            Self::CollateralExpired => "evidence.dcap_collateral_expired",
            Self::CollateralNotYetValid => "evidence.dcap_collateral_not_yet_valid",
            Self::CollateralMismatch => "evidence.dcap_collateral_mismatch",
            Self::Chain => "evidence.dcap_chain",
            Self::CertificateValidity => "evidence.dcap_certificate_validity",
            Self::Crl => "evidence.dcap_crl",
            Self::Revoked => "evidence.dcap_revoked",
            Self::TcbInfo => "evidence.dcap_tcb_info",
            Self::QeIdentity => "evidence.dcap_qe_identity",
            Self::QeReport => "evidence.dcap_qe_report",
            Self::Signature => "evidence.dcap_signature",
            Self::TdxModule => "evidence.dcap_tdx_module",
            Self::Debug => "evidence.dcap_debug",
            Self::Profiling => "evidence.dcap_profiling",
            Self::Migratable => "evidence.dcap_migratable",
            Self::SeptVeDisable => "evidence.dcap_sept_ve_disable",
            Self::ServiceTd => "evidence.dcap_service_td",
            Self::Attributes => "evidence.dcap_attributes",
            Self::TcbNoLevel => "evidence.dcap_tcb_no_level",
            Self::TcbStatus(_) => "evidence.dcap_tcb_status",
            Self::TcbEvaluation => "evidence.dcap_tcb_evaluation",
            Self::Advisory => "evidence.dcap_advisory",
            Self::Platform => "evidence.dcap_platform",
            Self::Other => "evidence.dcap_refused",
        }
    }

    /// At which stage it fell, for people.
    pub const fn stage(self) -> &'static str {
        match self {
            Self::Parse | Self::Unsupported | Self::Tee => "form of the quote",
            Self::PckMissing
            | Self::CollateralMissing
            | Self::CollateralMalformed
            | Self::CollateralExpired
            | Self::CollateralNotYetValid
            | Self::CollateralMismatch
            | Self::TcbInfo => "collateral",
            Self::Chain | Self::CertificateValidity | Self::Crl | Self::Revoked => "certificates",
            Self::QeIdentity | Self::QeReport => "quoting enclave",
            Self::Signature => "signature of the quote",
            Self::TdxModule
            | Self::Debug
            | Self::Profiling
            | Self::Migratable
            | Self::SeptVeDisable
            | Self::ServiceTd
            | Self::Attributes => "attributes",
            Self::TcbNoLevel
            | Self::TcbStatus(_)
            | Self::TcbEvaluation
            | Self::Advisory
            | Self::Platform => "platform level",
            Self::Other => "verification",
        }
    }
}
