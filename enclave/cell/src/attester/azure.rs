//! A confidential VM on Azure, from the inside: its vTPM, which the VM's own paravisor plays
//! and not the host, quotes the registers; a report of the hardware vouches for the vTPM's
//! key. Ours is to hand the bytes in and to carry three answers together.

mod hcl;
mod imds;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use autoclave_attest::evidence::tpm::qualifying_data;
use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime, b64};
use autoclave_device::DeviceError;
use autoclave_seal::kdf;
use autoclave_tpm::{Device, Tpm, TpmError};
use serde::Serialize;

use self::hcl::{Hardware, Hcl};
pub use self::imds::ImdsError;
use self::imds::{Chain, Imds};
use super::{Attester, AttesterError, evidence, vm};

/// Where the VM's bytes go in, and where the paravisor's report comes out.
const DATA_INDEX: u32 = 0x0140_0002;
const REPORT_INDEX: u32 = 0x0140_0001;
/// Longest report that is read: 2600 bytes are usual.
const REPORT_BYTES_MAX: u16 = 8192;
/// The vTPM's attestation key.
const AK: u32 = 0x8100_0003;
/// The paravisor makes a new report when it gets to it: it is looked for this often.
const LOOKS_MAX: u32 = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The head of an RSASSA signature with SHA-256 in a `TPMT_SIGNATURE`.
const RSASSA_SHA256: [u8; 4] = [0x00, 0x14, 0x00, 0x0b];

/// The VM's vTPM and its host's service.
pub(super) struct Azure {
    device: Device,
    imds: Imds,
    hardware: Hardware,
    chain: Mutex<Option<Chain>>,
    turn: Mutex<()>,
}

/// The quote in its evidence.
#[derive(Serialize)]
struct QuoteBody {
    message: String,
    signature: String,
    pcrs: Vec<String>,
}

/// The evidence of both kinds; what one has not is left out.
#[derive(Serialize)]
struct Body {
    hcl_report: String,
    quote: QuoteBody,
    #[serde(flatten)]
    chain: Option<Chain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    td_quote: Option<String>,
}

impl Azure {
    /// The vTPM at `device`, and the service where Azure has it.
    pub(super) fn open(device: Device) -> Result<Self, AttesterError> {
        Self::with(device, Imds::azure())
    }

    fn with(device: Device, imds: Imds) -> Result<Self, AttesterError> {
        let hardware = read(&mut Tpm::open(&device)?)?.hardware;
        Ok(Self { device, imds, hardware, chain: Mutex::default(), turn: Mutex::default() })
    }

    /// The report and the quote, both over `report_data`.
    fn ask(&self, report_data: &ReportData) -> Result<(Hcl, QuoteBody), AttesterError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tpm = Tpm::open(&self.device)?;
        tpm.nv_put(DATA_INDEX, report_data)?;
        drop(tpm);
        let report = self.reflected(report_data)?;
        let mut tpm = Tpm::open(&self.device)?;
        let pcrs = tpm.all_pcrs()?;
        let quote = tpm.quote_all(AK, &qualifying_data(report_data))?;
        let pcrs = pcrs.map(|value| Digest::from_bytes(value).hex()).to_vec();
        let signature = b64::encode(rsassa(&quote.signature)?);
        Ok((report, QuoteBody { message: b64::encode(quote.attest), signature, pcrs }))
    }

    /// The report, once it is over `report_data`. The vTPM is let go between two looks.
    fn reflected(&self, report_data: &ReportData) -> Result<Hcl, AttesterError> {
        for look in 0..LOOKS_MAX {
            if look > 0 {
                std::thread::sleep(PAUSE);
            }
            let report = read(&mut Tpm::open(&self.device)?)?;
            if report.user_data == *report_data {
                return Ok(report);
            }
        }
        Err(AttesterError::NotReflected)
    }

    /// The chip's certificates, asked for once. Evidence without them verifies where the
    /// verifier has its own.
    fn chain(&self) -> Option<Chain> {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        if chain.is_none() {
            *chain = self.imds.chain().ok();
        }
        chain.clone()
    }
}

fn read(tpm: &mut Tpm) -> Result<Hcl, AttesterError> {
    let report = tpm.nv_area(REPORT_INDEX, REPORT_BYTES_MAX)?.ok_or(AttesterError::NotAzure)?;
    Hcl::parse(report).ok_or(AttesterError::NotAzure)
}

/// The signature itself, without the head that a TPM puts before it.
fn rsassa(signature: &[u8]) -> Result<&[u8], AttesterError> {
    let malformed = AttesterError::Tpm(TpmError::Malformed);
    let Some((head, rest)) = signature.split_first_chunk::<6>() else { return Err(malformed) };
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    if head[..4] == RSASSA_SHA256 && rest.len() == length { Ok(rest) } else { Err(malformed) }
}

impl Attester for Azure {
    fn kind(&self) -> TeeKind {
        match self.hardware {
            Hardware::Snp => TeeKind::AzureSnp,
            Hardware::Tdx => TeeKind::AzureTdx,
        }
    }

    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        vm::answers(self)
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let (report, quote) = self.ask(report_data)?;
        if report.hardware != self.hardware {
            return Err(DeviceError::Malformed.into());
        }
        let (chain, td_quote) = match self.hardware {
            Hardware::Snp => (self.chain(), None),
            Hardware::Tdx => (None, Some(b64::encode(self.imds.td_quote(report.td_report())?))),
        };
        let hcl_report = b64::encode(&report.bytes);
        Ok(evidence(self.kind(), &Body { hcl_report, quote, chain, td_quote }))
    }

    /// The vTPM's secret of what the VM booted: another kernel, initial file system or
    /// command line gets another. The vTPM is inside the VM's own protection.
    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let secret = Tpm::open(&self.device)?.booted_secret()?;
        Ok(kdf::derive(secret.expose(), &format!("platform sealing secret of {workload}")))
    }
}
