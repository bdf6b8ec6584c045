//! What an enclave asks its TEE for: evidence over bytes of its choice, and a secret that
//! no other code gets. One trait, one implementation for each kind of TEE. A role never
//! asks which kind it runs on.

mod software;
mod tpm;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use autoclave_tpm::{PlatformError, TpmError};
use p256::ecdsa::SigningKey;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::software::Software;
use self::tpm::Measuring;
use crate::limits;
use crate::machine::Machine;

/// The TEE could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AttesterError {
    /// The platform was named in a form that is not known.
    #[error("the platform must be given as software:PATH or tpm:PATH")]
    Unknown,
    /// The platform's key file cannot be read.
    #[error("the platform key cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The platform's key file does not hold a P-256 key in PKCS#8 (PEM).
    #[error("the platform key is not a P-256 key in PKCS#8")]
    Malformed,
    /// The file that describes a machine, or one that it names, is not usable.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The TPM does not do what was asked.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// The launcher's log is none.
    #[error("the launcher's log is malformed")]
    Log,
    /// The launcher's log tells of something else than what runs here.
    #[error("the launcher's log tells of another program, configuration, library or workload")]
    LogDiffers,
    /// The TPM's registers are not what the launcher's log makes of them.
    #[error("the TPM's registers do not agree with the launcher's log: reboot the machine")]
    RegistersDiffer,
    /// So many wait for evidence that the TEE cannot serve one more in time.
    #[error("too many wait for evidence")]
    Busy,
}

impl AttesterError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "platform.unknown",
            Self::Unreadable(_) => "platform.unreadable",
            Self::Malformed => "platform.malformed",
            Self::Platform(error) => error.code(),
            Self::Tpm(error) => error.code(),
            Self::Log => "platform.log",
            Self::LogDiffers => "platform.log_differs",
            Self::RegistersDiffer => "platform.registers_differ",
            Self::Busy => "platform.busy",
        }
    }
}

/// One kind of TEE, from the inside. All methods may block: a TPM takes some milliseconds
/// for a quote, and a second for the first use of a key.
pub trait Attester: Send + Sync {
    /// The kind.
    fn kind(&self) -> TeeKind;

    /// Checks at boot that the TEE measured what the enclave finds itself to be. Software
    /// has nobody else to ask.
    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        Ok(())
    }

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
    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError>;
}

/// The machine's TEE, as a launcher names it to an enclave.
#[derive(Clone)]
pub struct Platform {
    attester: Arc<dyn Attester>,
    turns: Arc<Semaphore>,
}

impl Platform {
    /// From the command line: `software:PATH`, a P-256 key in PKCS#8 (PEM), or `tpm:PATH`,
    /// the description of a machine that a launcher started this enclave on.
    pub fn parse(text: &str) -> Result<Self, AttesterError> {
        if let Some(path) = text.strip_prefix("tpm:") {
            return Ok(Self::new(Measuring::open(path.as_ref())?));
        }
        let path = text.strip_prefix("software:").ok_or(AttesterError::Unknown)?;
        let pem = std::fs::read_to_string(path).map_err(AttesterError::Unreadable)?;
        let key = pem.parse().map_err(|_| AttesterError::Malformed)?;
        Ok(Self::software(key))
    }

    /// No TEE: `key` signs in its place. Not confidential.
    pub fn software(key: SigningKey) -> Self {
        Self::new(Software::new(key))
    }

    fn new(attester: impl Attester + 'static) -> Self {
        let turns = Arc::new(Semaphore::new(limits::QUOTES_AT_ONCE_MAX));
        Self { attester: Arc::new(attester), turns }
    }

    /// The kind.
    pub(crate) fn kind(&self) -> TeeKind {
        self.attester.kind()
    }

    /// Evidence over `report_data`, made on a thread that may block.
    pub(crate) async fn quote(
        &self,
        machine: &Machine,
        measured: &Measured,
        report_data: ReportData,
        now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let turn = timeout(limits::QUOTE_WAIT_SECONDS_MAX, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| AttesterError::Busy)?.map_err(|_| AttesterError::Busy)?;
        let (attester, measured) = (self.attester.clone(), measured.clone());
        let quoting = machine.block_on(move || {
            let _turn = turn;
            attester.quote(&measured, &report_data, now)
        });
        quoting.await.map_err(|_| AttesterError::Busy)?
    }

    /// What the enclave asks at boot, from a thread that may block.
    pub(crate) fn attester(&self) -> &dyn Attester {
        self.attester.as_ref()
    }
}
