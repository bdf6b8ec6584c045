//! As much of the paravisor's report as whoever asks for it must know: which hardware it is
//! about, and whether it is over our bytes already. Verifiers read the rest, and more
//! strictly.

use autoclave_attest::runtime::ReportData;
use serde::Deserialize;

/// Where the hardware's report stands, and how much of it is a TDX one.
const HARDWARE_AT: usize = 32;
const TD_REPORT_BYTES: usize = 1024;
/// After the hardware's report: size, version, kind, hash, length, four bytes each.
const KIND_AT: usize = 1216 + 8;
const LENGTH_AT: usize = 1216 + 16;
const DATA_AT: usize = 1216 + 20;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hardware {
    Snp,
    Tdx,
}

/// A report.
#[derive(Debug)]
pub(super) struct Hcl {
    pub(super) bytes: Vec<u8>,
    pub(super) hardware: Hardware,
    pub(super) user_data: ReportData,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "user-data")]
    user_data: String,
}

impl Hcl {
    /// Reads one; none if it is no report.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let number = |at: usize| {
            let four = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(four))
        };
        let hardware = match (bytes.starts_with(b"HCLA"), number(KIND_AT)?) {
            (true, 2) => Hardware::Snp,
            (true, 4) => Hardware::Tdx,
            _ => return None,
        };
        let length = usize::try_from(number(LENGTH_AT)?).ok()?;
        let data = bytes.get(DATA_AT..DATA_AT.checked_add(length)?)?;
        let data: Data = serde_json::from_slice(data).ok()?;
        let user_data = unhex(&data.user_data)?;
        Some(Self { bytes, hardware, user_data })
    }

    /// The TDX report in it.
    pub(super) fn td_report(&self) -> &[u8] {
        // Its place was checked: the data come after it.
        self.bytes.get(HARDWARE_AT..HARDWARE_AT + TD_REPORT_BYTES).unwrap_or_default()
    }
}

/// Up to 64 bytes in hexadecimal, zeros after them.
fn unhex(text: &str) -> Option<ReportData> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut data = [0; 64];
    if !rest.is_empty() || pairs.len() > data.len() {
        return None;
    }
    for (byte, pair) in data.iter_mut().zip(pairs) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: u32, data: &str) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let mut report = vec![0; 1216];
        report[..4].copy_from_slice(b"HCLA");
        for number in [20 + length, 1, kind, 1, length] {
            report.extend(number.to_le_bytes());
        }
        [report, data.as_bytes().to_vec(), vec![0; 9]].concat()
    }

    #[test]
    fn hardware_and_bytes_are_read() {
        let data = format!(r#"{{"keys":[],"user-data":"{}"}}"#, "AB".repeat(64));
        let read = Hcl::parse(report(2, &data)).unwrap();
        assert_eq!((read.hardware, read.user_data), (Hardware::Snp, [0xab; 64]));
        let read = Hcl::parse(report(4, r#"{"user-data":"01"}"#)).unwrap();
        assert_eq!((read.hardware, read.user_data[..2].to_vec()), (Hardware::Tdx, vec![1, 0]));
        assert_eq!(read.td_report().len(), TD_REPORT_BYTES);
    }

    #[test]
    fn what_is_no_report_is_none() {
        let good = report(2, r#"{"user-data":""}"#);
        assert!(Hcl::parse(good.clone()).is_some());
        for end in 0..good.len() - 9 {
            assert!(Hcl::parse(good[..end].to_vec()).is_none(), "{end}");
        }
        assert!(Hcl::parse(report(3, r#"{"user-data":""}"#)).is_none());
        for data in ["{}", "", r#"{"user-data":"0"}"#, r#"{"user-data":"zz"}"#] {
            assert!(Hcl::parse(report(2, data)).is_none(), "{data}");
        }
        let long = format!(r#"{{"user-data":"{}"}}"#, "00".repeat(65));
        assert!(Hcl::parse(report(2, &long)).is_none());
    }

    /// Genuine reports, where they are at hand.
    #[test]
    fn genuine_reports_are_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/evidence/azure-vtpm");
        for (name, hardware) in [("snp", Hardware::Snp), ("tdx", Hardware::Tdx)] {
            let Ok(bytes) = std::fs::read(format!("{folder}/trustee/{name}_hcl-report.bin")) else {
                eprintln!("skipped: no genuine reports beside this working tree");
                return;
            };
            let read = Hcl::parse(bytes).unwrap();
            assert_eq!((read.hardware, read.user_data), (hardware, [0; 64]));
        }
    }
}
