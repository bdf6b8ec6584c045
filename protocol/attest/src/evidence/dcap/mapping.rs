//! The library's untyped refusals in ours. Its version is pinned exactly in the workspace,
//! so that its words cannot change unseen; what is not recognised has a code of its own and
//! is refused like all else.

use super::DcapRefusal;

/// What stands in the text of a refusal, and which stage that is. The first that is found
/// counts: reasons stand before the things that they concern.
const WORDS: [(&str, DcapRefusal); 49] = [
    ("CertRevoked", DcapRefusal::Revoked),
    ("TCB status is invalid: Revoked", DcapRefusal::Revoked),
    ("CrlExpired", DcapRefusal::CollateralExpired),
    ("TCBInfo expired", DcapRefusal::CollateralExpired),
    ("QE Identity expired", DcapRefusal::CollateralExpired),
    ("issue date is in the future", DcapRefusal::CollateralNotYetValid),
    ("CertExpired", DcapRefusal::CertificateValidity),
    ("CertNotValidYet", DcapRefusal::CertificateValidity),
    ("chain is too short", DcapRefusal::Chain),
    ("CRL", DcapRefusal::Crl),
    ("Crl", DcapRefusal::Crl),
    ("UnknownRevocationStatus", DcapRefusal::Crl),
    ("qe_report in quote", DcapRefusal::QeReport),
    ("QE report hash mismatch", DcapRefusal::QeReport),
    ("Invalid QE auth data", DcapRefusal::QeReport),
    ("Failed to decode QE report", DcapRefusal::QeReport),
    ("ISV enclave report signature", DcapRefusal::Signature),
    ("Failed to decode quote", DcapRefusal::Parse),
    ("Unsupported TEE type", DcapRefusal::Unsupported),
    ("Unsupported DCAP PCK cert format", DcapRefusal::PckMissing),
    ("Unsupported DCAP", DcapRefusal::Unsupported),
    ("Unknown QE vendor", DcapRefusal::Unsupported),
    ("TEE quote must have version", DcapRefusal::Unsupported),
    ("Fmspc mismatch", DcapRefusal::CollateralMismatch),
    ("with non-TDX TCB info", DcapRefusal::CollateralMismatch),
    ("with non-SGX TCB info", DcapRefusal::CollateralMismatch),
    ("Unsupported QE Identity id/version", DcapRefusal::CollateralMismatch),
    ("No matching TCB level", DcapRefusal::TcbNoLevel),
    ("below minimum required from TDX module", DcapRefusal::TcbNoLevel),
    ("Invalid QE ISVSVN", DcapRefusal::QeIdentity),
    ("QE MRSIGNER", DcapRefusal::QeIdentity),
    ("QE ISV", DcapRefusal::QeIdentity),
    ("QE MISCSELECT", DcapRefusal::QeIdentity),
    ("QE ATTRIBUTES", DcapRefusal::QeIdentity),
    ("QE report validation", DcapRefusal::QeIdentity),
    ("qe_identity in quote_collateral", DcapRefusal::QeIdentity),
    ("QE Identity", DcapRefusal::QeIdentity),
    ("QeIdentity", DcapRefusal::QeIdentity),
    ("tcb_info in quote_collateral", DcapRefusal::TcbInfo),
    ("TCB Info", DcapRefusal::TcbInfo),
    ("TcbInfo", DcapRefusal::TcbInfo),
    ("TDX module", DcapRefusal::TdxModule),
    ("SEPT_VE_DISABLE", DcapRefusal::SeptVeDisable),
    ("TD migration", DcapRefusal::Migratable),
    ("Reserved bits in TD attributes", DcapRefusal::Attributes),
    ("SERVTD_EXT", DcapRefusal::ServiceTd),
    ("certificate", DcapRefusal::Chain),
    ("Certificate", DcapRefusal::Chain),
    ("certs", DcapRefusal::Chain),
];

/// The stage at which the library refused.
pub(super) fn refusal(error: &(impl std::fmt::Display + ?Sized)) -> DcapRefusal {
    let text = format!("{error:#}");
    let found = WORDS.iter().find(|(words, _)| text.contains(words));
    found.map_or(DcapRefusal::Other, |(_, refusal)| *refusal)
}
