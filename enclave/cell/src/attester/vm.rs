//! A confidential VM from the inside, through configfs-tsm: Intel TDX and AMD SEV-SNP. What
//! is measured is the VM's image, which must hold this enclave and be sealed itself
//! (dm-verity, or all of it in memory). Reports are checked only for being over our bytes.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::runtime::ReportData;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime, b64};
use autoclave_device::sev::{self, Guest};
use autoclave_device::table::Certificates;
use autoclave_device::tsm::{self, Provider, Tsm};
use autoclave_device::{DeviceError, Files, System, ccel};
use autoclave_seal::kdf;
use rand::Rng as _;
use serde::Serialize;

use super::{Attester, AttesterError, evidence};
use crate::Entropy;

/// Where a TDX quote's version stands, and for each version its 64 bytes: after the header
/// (and in version 5 the body's kind and length), at 520 of the body.
const TDX_DATA_AT: [(u8, usize); 2] = [(4, 48 + 520), (5, 48 + 6 + 520)];

/// The kernel's files, and where the entries are.
struct Entries {
    files: Arc<dyn Files>,
    base: PathBuf,
}

impl Entries {
    fn at(path: Option<&Path>) -> Self {
        let base = path.unwrap_or(Path::new(tsm::BASE)).to_owned();
        Self { files: Arc::new(System), base }
    }

    fn report(&self, from: Provider, over: &ReportData) -> Result<tsm::Report, DeviceError> {
        let mut draw = || {
            let mut name = [0; 16];
            Entropy.fill_bytes(&mut name);
            name
        };
        Tsm::new(self.files.as_ref(), &self.base).report(from, over, &mut draw)
    }
}

/// A TDX guest.
pub(super) struct Tdx {
    entries: Entries,
    log: PathBuf,
}

#[derive(Serialize)]
struct TdxBody {
    quote: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_log: Option<String>,
}

impl Tdx {
    /// The entries below `path`, or where the kernel has them.
    pub(super) fn at(path: Option<&Path>) -> Self {
        Self { entries: Entries::at(path), log: ccel::PATH.into() }
    }
}

impl Attester for Tdx {
    fn kind(&self) -> TeeKind {
        TeeKind::Tdx
    }

    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        answers(self)
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let quote = self.entries.report(Provider::Tdx, report_data)?.output;
        tdx_over(&quote, report_data)?;
        let event_log = ccel::read(self.entries.files.as_ref(), &self.log).map(b64::encode);
        Ok(evidence(TeeKind::Tdx, &TdxBody { quote: b64::encode(quote), event_log }))
    }

    /// A TD can derive no key: its hardware has no command for it.
    fn sealing_secret(&self, _workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        Err(AttesterError::NoSealingSecret)
    }
}

/// Fails unless a TDX quote is over `report_data`.
pub(super) fn tdx_over(quote: &[u8], report_data: &ReportData) -> Result<(), DeviceError> {
    let version = quote.first().copied();
    let at = TDX_DATA_AT.iter().find(|(known, _)| Some(*known) == version);
    let (_, at) = at.ok_or(DeviceError::Malformed)?;
    match quote.get(*at..at + report_data.len()) {
        Some(found) if found == report_data => Ok(()),
        Some(_) => Err(DeviceError::ReportData),
        None => Err(DeviceError::Malformed),
    }
}

/// An SEV-SNP guest.
pub(super) struct Snp {
    entries: Entries,
    guest: Box<dyn Guest>,
}

/// The report and the host's certificates, in base64url.
#[derive(Serialize)]
struct SnpBody {
    report: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vek: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ark: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crl: Option<String>,
}

impl Snp {
    /// The entries below `path`, or where the kernel has them.
    pub(super) fn at(path: Option<&Path>) -> Self {
        let guest = Box::new(sev::Device::at(Path::new(sev::PATH)));
        Self { entries: Entries::at(path), guest }
    }

    /// A report by configfs-tsm; by the guest device where the kernel is older.
    fn report(&self, over: &ReportData) -> Result<sev::Report, DeviceError> {
        match self.entries.report(Provider::Snp, over) {
            Ok(report) => Ok(sev::Report { report: report.output, certificates: report.auxiliary }),
            Err(absent @ DeviceError::Absent { .. }) => {
                match sev::report(self.guest.as_ref(), over) {
                    Err(DeviceError::Absent { .. }) => Err(absent),
                    outcome => outcome,
                }
            }
            Err(error) => Err(error),
        }
    }
}

impl Attester for Snp {
    fn kind(&self) -> TeeKind {
        TeeKind::Snp
    }

    fn check(&self, _measured: &Measured, _workload: &WorkloadName) -> Result<(), AttesterError> {
        answers(self)
    }

    fn quote(
        &self,
        _measured: &Measured,
        report_data: &ReportData,
        _now: UnixTime,
    ) -> Result<Evidence, AttesterError> {
        let sev::Report { report, certificates } = self.report(report_data)?;
        sev::over(&report, report_data)?;
        let found = Certificates::parse(&certificates, sev::is_leased(&report));
        let [vek, ask, ark, crl] =
            [found.vek, found.ask, found.ark, found.crl].map(|der| der.map(b64::encode));
        let body = SnpBody { report: b64::encode(report), vek, ask, ark, crl };
        Ok(evidence(TeeKind::Snp, &body))
    }

    /// Bound to the guest's policy and launch measurement, see [`sev::derived_key`]: another
    /// image of the VM does not open this one's state.
    fn sealing_secret(&self, workload: &WorkloadName) -> Result<Secret<[u8; 32]>, AttesterError> {
        let key = sev::derived_key(self.guest.as_ref())?;
        Ok(kdf::derive(key.expose(), &format!("platform sealing secret of {workload}")))
    }
}

/// Whether the TEE answers at all: asked at boot, so that what is missing is told then, and
/// not when the first client asks. The answer is over random bytes and thrown away.
pub(super) fn answers(attester: &dyn Attester) -> Result<(), AttesterError> {
    let (mut over, nothing) = ([0; 64], autoclave_base::Digest::of([]));
    Entropy.fill_bytes(&mut over);
    let libraries = std::collections::BTreeMap::new();
    let measured = Measured { executable: nothing, configuration: nothing, libraries };
    attester.quote(&measured, &over, UnixTime::from_seconds(0)).map(drop)
}
