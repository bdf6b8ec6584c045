//! The report of Azure's paravisor (HCL): a report of the hardware, and the runtime data
//! whose digest that report vouches for. Only the form is checked here, every byte of it;
//! the header around both is signed by nobody, and has one accepted form.

use std::ops::Range;

use autoclave_base::{Digest, HexBytes};
use serde::Deserialize;
use serde_json::Value;

use super::AzureRefusal;
use super::quote::RuntimeKey;

/// Longest report that is looked at: genuine ones fill an NV index of 2600 bytes.
const HCL_BYTES_MAX: usize = 16 * 1024;
const MAGIC: &[u8] = b"HCLA";
const HEADER_BYTES: usize = 32;
const HARDWARE: Range<usize> = HEADER_BYTES..HEADER_BYTES + 1184;
/// Length, version, kind, hash algorithm and length of the runtime data, four bytes each.
const DATA_HEADER_BYTES: usize = 20;
const DATA: usize = HARDWARE.end + DATA_HEADER_BYTES;
/// The one kind of request: for an attestation report.
const REQUEST_REPORT: u32 = 2;
/// Versions of the header that have been seen.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
const DATA_VERSION: u32 = 1;
const KIND_SNP: u32 = 2;
const KIND_TDX: u32 = 4;
const HASH_SHA256: u32 = 1;
/// A `TDREPORT`; what follows it is zero.
const TDREPORT_BYTES: usize = 1024;
/// Where a `TDREPORT` holds the domain's own bytes.
const TDREPORT_DATA: Range<usize> = 128..192;
/// Where it holds what a quote repeats: attributes, features, measurements.
const TDREPORT_DOMAIN: Range<usize> = 512..912;

/// What hardware an HCL report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardware {
    /// SEV-SNP: the report itself.
    Snp,
    /// TDX: what a quote is made of.
    Tdx,
}

/// An HCL report whose form is checked, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hcl {
    /// Version of its header.
    pub version: u32,
    /// What it is about.
    pub hardware: Hardware,
    /// The hardware's report: 1184 bytes of SEV-SNP's, or 1024 of TDX's.
    pub report: Vec<u8>,
    /// Digest of the runtime data.
    pub runtime_data: Digest,
    /// The attestation key of the vTPM.
    pub key: RuntimeKey,
    /// The VM's own bytes.
    pub user_data: HexBytes,
    /// The VM's configuration (JSON).
    pub vm_configuration: String,
}

#[derive(Deserialize)]
struct RuntimeData {
    keys: Vec<Value>,
    #[serde(rename = "vm-configuration", default)]
    vm_configuration: Value,
    #[serde(rename = "user-data", default)]
    user_data: String,
}

impl Hcl {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, AzureRefusal> {
        if bytes.len() < DATA || bytes.len() > HCL_BYTES_MAX {
            return Err(AzureRefusal::Report);
        }
        let number = |at: usize| {
            let four = bytes[at..at + 4].try_into().unwrap_or_default();
            u32::from_le_bytes(four)
        };
        let [size, data_version, kind, hash, length] =
            [0, 4, 8, 12, 16].map(|offset| number(HARDWARE.end + offset));
        let hardware = match kind {
            KIND_SNP => Hardware::Snp,
            KIND_TDX => Hardware::Tdx,
            _ => return Err(AzureRefusal::Report),
        };
        let length = usize::try_from(length).map_err(|_| AzureRefusal::Report)?;
        let (data, padding) = bytes[DATA..].split_at_checked(length).ok_or(AzureRefusal::Report)?;
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let sound = bytes.starts_with(MAGIC)
            && VERSIONS.contains(&number(4))
            && usize::try_from(number(8)) == Ok(HARDWARE.end + DATA_HEADER_BYTES + length)
            && number(12) == REQUEST_REPORT
            && zero(&bytes[16..HEADER_BYTES])
            && usize::try_from(size) == Ok(DATA_HEADER_BYTES + length)
            && data_version == DATA_VERSION
            && hash == HASH_SHA256
            && zero(padding);
        if !sound {
            return Err(AzureRefusal::Report);
        }
        Self::of(number(4), hardware, &bytes[HARDWARE], data)
    }

    fn of(
        version: u32,
        hardware: Hardware,
        report: &[u8],
        data: &[u8],
    ) -> Result<Self, AzureRefusal> {
        let report = match hardware {
            Hardware::Snp => report,
            Hardware::Tdx => {
                let (report, padding) = report.split_at(TDREPORT_BYTES);
                if padding.iter().any(|byte| *byte != 0) {
                    return Err(AzureRefusal::Report);
                }
                report
            }
        };
        let runtime: RuntimeData =
            serde_json::from_slice(data).map_err(|_| AzureRefusal::Report)?;
        let user_data = runtime.user_data.to_ascii_lowercase().parse();
        Ok(Self {
            version,
            hardware,
            report: report.to_vec(),
            runtime_data: Digest::of(data),
            key: RuntimeKey::find(&runtime.keys)?,
            user_data: user_data.map_err(|_| AzureRefusal::Report)?,
            vm_configuration: runtime.vm_configuration.to_string(),
        })
    }

    /// Whether the hardware's own bytes are the digest of the runtime data: 32 bytes, and
    /// zeros after them.
    pub fn is_vouched_for_by(&self, report_data: &[u8; 64]) -> bool {
        let (digest, rest) = report_data.split_at(32);
        digest == self.runtime_data.bytes() && rest.iter().all(|byte| *byte == 0)
    }

    /// The domain's own bytes in a TDX report.
    pub fn tdx_report_data(&self) -> Option<&[u8]> {
        self.tdx(TDREPORT_DATA)
    }

    /// What a quote of the same domain repeats: its attributes, features and measurements
    /// (400 bytes).
    pub fn tdx_domain(&self) -> Option<&[u8]> {
        self.tdx(TDREPORT_DOMAIN)
    }

    fn tdx(&self, range: Range<usize>) -> Option<&[u8]> {
        self.report.get(range).filter(|_| self.hardware == Hardware::Tdx)
    }
}
