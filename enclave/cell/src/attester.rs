//! What an enclave asks its TEE for: evidence over bytes of its choice, and a secret that
//! no other code gets. One trait, one implementation for each kind of TEE. A role never
//! asks which kind it runs on.

mod azure;
mod named;
mod nitro;
mod sgx;
mod software;
mod tpm;
mod vm;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use autoclave_device::DeviceError;
use autoclave_tpm::{PlatformError, TpmError};
use p256::ecdsa::SigningKey;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::azure::ImdsError;
use self::software::Software;
use crate::limits;
use crate::machine::Machine;

/// The TEE could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AttesterError {
    /// The platform was named in a form that is not known.
    #[error(
        "the platform must be given as software:KEY, tpm:FILE, or tdx:, snp:, sgx:, azure: or \
         nitro: (each with a path where its interface is elsewhere), these with +tpm:DEVICE or \
         +once if their state's secret is not the TEE's own"
    )]
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
    /// The kernel's interface to the TEE does not do what was asked.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Azure's host service does not do what was asked.
    #[error(transparent)]
    Imds(#[from] ImdsError),
    /// There is no report of Azure's paravisor in the TPM.
    #[error("the TPM holds no report of Azure's paravisor: this is no confidential VM on Azure")]
    NotAzure,
    /// The paravisor's report stays over other bytes.
    #[error("Azure's paravisor makes no new report: does another program ask it all the time?")]
    NotReflected,
    /// The TEE has no secret to give.
    #[error(
        "this TEE gives no secret for sealed state: add +tpm:/dev/tpmrm0 to the platform where \
         the VM's own TPM is inside its protection, or +once for state that ends with the process"
    )]
    NoSealingSecret,
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
            Self::Device(error) => error.code(),
            Self::Imds(error) => error.code(),
            Self::NotAzure => "platform.not_azure",
            Self::NotReflected => "platform.not_reflected",
            Self::NoSealingSecret => "platform.no_sealing_secret",
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
    /// From the command line: `software:PATH`, a P-256 key in PKCS#8 (PEM); `tpm:PATH`, the
    /// description of a machine that a launcher started this enclave on; `tdx:`, `snp:`,
    /// `sgx:`, `azure:` or `nitro:`, a TEE whose interface is where the kernel has it, or at
    /// the path after the colon. Those may be followed by `+tpm:DEVICE` or `+once`: where the
    /// secret of sealed state comes from, if not from the TEE.
    pub fn parse(text: &str) -> Result<Self, AttesterError> {
        named::open(text).map(Self::of)
    }

    /// No TEE: `key` signs in its place. Not confidential.
    pub fn software(key: SigningKey) -> Self {
        Self::of(Arc::new(Software::new(key)))
    }

    fn of(attester: Arc<dyn Attester>) -> Self {
        Self { attester, turns: Arc::new(Semaphore::new(limits::QUOTES_AT_ONCE_MAX)) }
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

/// Evidence whose body is JSON of the kind's own members.
fn evidence(kind: TeeKind, body: &impl Serialize) -> Evidence {
    // Texts always have a JSON form; an empty body would be refused.
    Evidence { kind, body: serde_json::to_string(body).unwrap_or_default() }
}
