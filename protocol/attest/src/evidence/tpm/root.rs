//! A root of trust in TPMs: whose endorsement certificates, and whose word that a signing
//! key lives in the TPM that such a certificate names. It belongs to a configuration or a
//! trust file. A root that is not for development must say which firmware it knows.

use std::collections::BTreeSet;

use autoclave_base::Digest;
use serde::{Deserialize, Serialize};

use super::PCR_BOOTED;
use crate::evidence::certificate::Certificate;
use crate::jwk::{Jwk, JwkRefusal};

/// A root as it stands in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TpmRoot {
    /// Certificates (DER, base64url) that chains of endorsement certificates end in.
    #[serde(with = "super::fields::list")]
    pub ek_roots: Vec<Vec<u8>>,
    /// Keys that certify signing keys after enrolment (ES256).
    pub ak_issuers: Vec<Jwk>,
    /// Whether it is a root of software TPMs: never hardware.
    pub development: bool,
    /// Which values of the firmware's registers are accepted. What is not named is not
    /// looked at; a root that is not for development names at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<FirmwarePcr>,
}

/// The accepted values of one register of the firmware's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwarePcr {
    /// The register: 0 to 7.
    pub pcr: u8,
    /// Its accepted values.
    pub values: BTreeSet<Digest>,
}

/// Why something is not a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootRefusal {
    /// A key of it is none that we speak.
    #[error("a key of the root is refused: {0}")]
    Jwk(#[from] JwkRefusal),
    /// No certificate, or one that is not a certificate authority's.
    #[error("an endorsement root is missing or not the certificate of an authority")]
    Certificate,
    /// Nobody may certify signing keys.
    #[error("the root names nobody who certifies signing keys")]
    Issuers,
    /// A register of the launcher's, one twice, one without values; or none at all where
    /// the root is not for development.
    #[error("the root does not say which firmware it knows")]
    Firmware,
}

impl RootRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jwk(refusal) => refusal.code(),
            Self::Certificate => "root.certificate",
            Self::Issuers => "root.issuers",
            Self::Firmware => "root.firmware",
        }
    }
}

impl TpmRoot {
    /// Its certificates, or why it is none.
    pub(super) fn check(&self) -> Result<Vec<Certificate>, RootRefusal> {
        if self.ak_issuers.is_empty() {
            return Err(RootRefusal::Issuers);
        }
        if self.ak_issuers.iter().any(|key| key.verifying_key().is_none()) {
            return Err(JwkRefusal::Unsupported.into());
        }
        self.check_firmware()?;
        roots(&self.ek_roots)
    }

    fn check_firmware(&self) -> Result<(), RootRefusal> {
        let registers: BTreeSet<_> = self.firmware.iter().map(|one| one.pcr).collect();
        let sound = registers.len() == self.firmware.len()
            && registers.iter().all(|pcr| usize::from(*pcr) < PCR_BOOTED)
            && self.firmware.iter().all(|one| !one.values.is_empty())
            && (self.development || !registers.is_empty());
        if sound { Ok(()) } else { Err(RootRefusal::Firmware) }
    }
}

/// Endorsement roots, parsed.
pub(super) fn roots(ders: &[Vec<u8>]) -> Result<Vec<Certificate>, RootRefusal> {
    let parse = |der: &Vec<u8>| {
        let certificate = Certificate::parse(der).map_err(|_| RootRefusal::Certificate)?;
        certificate.is_authority().then_some(certificate).ok_or(RootRefusal::Certificate)
    };
    if ders.is_empty() {
        return Err(RootRefusal::Certificate);
    }
    ders.iter().map(parse).collect()
}
