//! What an enclave asks its TEE for: evidence over bytes of its choice, and a secret that
//! no other code gets. One trait, one implementation for each kind of TEE. A role never
//! asks which kind it runs on.

mod software;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use p256::ecdsa::SigningKey;

use software::Software;

/// The TEE could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AttesterError {
    /// The platform was named in a form that is not known: `software:PATH` is.
    #[error("the platform must be given as software:PATH")]
    Unknown,
    /// The platform's key file cannot be read.
    #[error("the platform key cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The platform's key file does not hold a P-256 key in PKCS#8 (PEM).
    #[error("the platform key is not a P-256 key in PKCS#8")]
    Malformed,
}

impl AttesterError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "platform.unknown",
            Self::Unreadable(_) => "platform.unreadable",
            Self::Malformed => "platform.malformed",
        }
    }
}

/// One kind of TEE, from the inside.
pub trait Attester: Send + Sync {
    /// The kind.
    fn kind(&self) -> TeeKind;

    /// Evidence that code measured as `measured` handed in `report_data`. Hardware ignores
    /// `measured`: it measured by itself.
    fn quote(
        &self,
        measured: &Measured,
        report_data: &ReportData,
        now: UnixTime,
    ) -> Result<Evidence, AttesterError>;

    /// The secret under which `workload` seals its state on this platform: the same after
    /// a restart and after an update, another for each workload.
    fn sealing_secret(&self, workload: &WorkloadName) -> Secret<[u8; 32]>;
}

/// The machine's TEE, as a launcher names it to an enclave.
#[derive(Clone)]
pub struct Platform(Arc<dyn Attester>);

impl Platform {
    /// From the command line: `software:PATH`, a P-256 key in PKCS#8 (PEM).
    pub fn parse(text: &str) -> Result<Self, AttesterError> {
        let path = text.strip_prefix("software:").ok_or(AttesterError::Unknown)?;
        let pem = std::fs::read_to_string(path).map_err(AttesterError::Unreadable)?;
        let key = pem.parse().map_err(|_| AttesterError::Malformed)?;
        Ok(Self::software(key))
    }

    /// No TEE: `key` signs in its place. Not confidential.
    pub fn software(key: SigningKey) -> Self {
        Self(Arc::new(Software::new(key)))
    }

    /// What the enclave asks.
    pub(crate) fn attester(&self) -> &dyn Attester {
        self.0.as_ref()
    }
}
