//! AMD's guest messages (`/dev/sev-guest`; SEV-SNP firmware ABI, section 7): a report where
//! configfs-tsm is missing, and a key that only this guest on this chip gets, which
//! configfs-tsm does not give. The messages are made and read here; nothing is judged.

use std::fs::File;
use std::path::{Path, PathBuf};

use autoclave_base::Secret;
use zeroize::Zeroizing;

use crate::DeviceError;
use crate::ioctl::{self, Ask};

/// Where the kernel shows the device.
pub const PATH: &str = "/dev/sev-guest";

/// Bytes of a report (firmware ABI, table 23).
pub const REPORT_BYTES: usize = 1184;
/// Where a report has the 64 bytes that it is over.
const REPORT_DATA: std::ops::Range<usize> = 0x50..0x90;
/// Where it says which key signed it: bits 2 to 4, 1 for a loaded key (VLEK).
const KEY_INFO_AT: usize = 0x48;
/// Where an answer has its payload; before it, a status and a size.
const PAYLOAD_AT: usize = 32;
/// Bytes of a derived key.
const KEY_BYTES: usize = 32;

/// What a derived key is bound to (`GUEST_FIELD_SELECT`): the guest's policy (bit 0) and its
/// launch measurement (bit 3). Not to family and image number: whoever starts a guest chooses
/// them, so that without the measurement other code could get the key. Not to the versions of
/// firmware: an update of the host's would lose it. A new image is thus another guest.
const BOUND_TO: u64 = 1 | 1 << 3;

const ADVICE: &str = "it is there only inside an SEV-SNP guest, with the module sev-guest loaded";

/// A report, and the table of certificates that the host put beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The signed report.
    pub report: Vec<u8>,
    /// The table, perhaps empty.
    pub certificates: Vec<u8>,
}

/// Whoever carries messages to the secure processor.
pub trait Guest: Send + Sync {
    /// The answer to a question for a report, and the host's certificates.
    fn report(&self, ask: &[u8; 96]) -> Result<(Vec<u8>, Vec<u8>), DeviceError>;

    /// The answer to a question for a key.
    fn key(&self, ask: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, DeviceError>;
}

/// The kernel's device.
#[derive(Debug, Clone)]
pub struct Device(PathBuf);

impl Device {
    /// The device at `path`.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn ask(&self, ask: Ask<'_>) -> Result<(), DeviceError> {
        let file = File::options().read(true).write(true).open(&self.0);
        let file = file.map_err(|error| DeviceError::of(&self.0, ADVICE, error))?;
        match ioctl::guest(&file, ask) {
            (Ok(()), _) => Ok(()),
            (Err(error), 0) => Err(DeviceError::of(&self.0, ADVICE, error)),
            (Err(_), number) => Err(DeviceError::Firmware(number)),
        }
    }
}

impl Guest for Device {
    fn report(&self, ask: &[u8; 96]) -> Result<(Vec<u8>, Vec<u8>), DeviceError> {
        let mut answer = [0; ioctl::REPORT_ANSWER_BYTES];
        let mut certificates = Box::new([0; ioctl::CERTIFICATES_BYTES]);
        self.ask(Ask::Extended(ask, &mut certificates, &mut answer)).or_else(|_| {
            // A host that hands out no certificates may refuse the extended question.
            certificates.fill(0);
            self.ask(Ask::Report(ask, &mut answer))
        })?;
        Ok((answer.to_vec(), certificates.to_vec()))
    }

    fn key(&self, ask: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        let mut answer = Zeroizing::new([0; ioctl::KEY_ANSWER_BYTES]);
        self.ask(Ask::Key(ask, &mut answer))?;
        Ok(Zeroizing::new(answer.to_vec()))
    }
}

/// A report over `input`.
pub fn report(guest: &dyn Guest, input: &[u8; 64]) -> Result<Report, DeviceError> {
    let mut ask = [0; ioctl::REPORT_ASK_BYTES];
    ask[..64].copy_from_slice(input);
    let (answer, certificates) = guest.report(&ask)?;
    let report = payload(&answer, REPORT_BYTES)?;
    let size = number(&answer, 4)?;
    if usize::try_from(size) != Ok(REPORT_BYTES) {
        return Err(DeviceError::Malformed);
    }
    over(report, input)?;
    Ok(Report { report: report.to_vec(), certificates })
}

/// The key of this guest on this chip: the same after a restart, another for another image.
pub fn derived_key(guest: &dyn Guest) -> Result<Secret<[u8; KEY_BYTES]>, DeviceError> {
    let mut ask = [0; ioctl::KEY_ASK_BYTES];
    ask[8..16].copy_from_slice(&BOUND_TO.to_le_bytes());
    let answer = guest.key(&ask)?;
    let key = payload(&answer, KEY_BYTES)?;
    let key = key.try_into().ok().filter(|key: &[u8; KEY_BYTES]| *key != [0; KEY_BYTES]);
    key.map(Secret::new).ok_or(DeviceError::Malformed)
}

/// Fails unless `report` is over `input`: what the firmware signed must be what was asked.
pub fn over(report: &[u8], input: &[u8; 64]) -> Result<(), DeviceError> {
    match report.get(REPORT_DATA) {
        Some(found) if found == input => Ok(()),
        Some(_) => Err(DeviceError::ReportData),
        None => Err(DeviceError::Malformed),
    }
}

/// Whether a loaded key (VLEK) signed it.
pub fn is_leased(report: &[u8]) -> bool {
    report.get(KEY_INFO_AT).is_some_and(|info| info >> 2 & 7 == 1)
}

/// What an answer carries, if its status is good.
fn payload(answer: &[u8], length: usize) -> Result<&[u8], DeviceError> {
    match number(answer, 0)? {
        0 => answer.get(PAYLOAD_AT..PAYLOAD_AT + length).ok_or(DeviceError::Malformed),
        status => Err(DeviceError::Firmware(status.into())),
    }
}

fn number(answer: &[u8], at: usize) -> Result<u32, DeviceError> {
    let bytes = answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_le_bytes).ok_or(DeviceError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secure processor that signs nothing, and remembers what it was asked.
    struct Fake {
        status: u32,
        size: u32,
        bound: u64,
    }

    const GOOD: Fake = Fake { status: 0, size: 1184, bound: BOUND_TO };

    impl Guest for Fake {
        fn report(&self, ask: &[u8; 96]) -> Result<(Vec<u8>, Vec<u8>), DeviceError> {
            let mut answer = vec![0; 4000];
            answer[..4].copy_from_slice(&self.status.to_le_bytes());
            answer[4..8].copy_from_slice(&self.size.to_le_bytes());
            answer[32 + 0x50..32 + 0x90].copy_from_slice(&ask[..64]);
            Ok((answer, vec![1]))
        }

        fn key(&self, ask: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
            let bound = u64::from_le_bytes(ask[8..16].try_into().unwrap());
            assert_eq!(bound, self.bound);
            assert_eq!(ask[16..], [0; 16], "level, security version and firmware are not bound");
            let mut answer = vec![0; 64];
            answer[..4].copy_from_slice(&self.status.to_le_bytes());
            answer[32..].fill(5);
            Ok(Zeroizing::new(answer))
        }
    }

    #[test]
    fn a_report_is_taken_out_of_its_answer() {
        let made = report(&GOOD, &[7; 64]).unwrap();
        assert_eq!((made.report.len(), &made.report[REPORT_DATA]), (1184, &[7; 64][..]));
        assert_eq!(made.certificates, [1]);
        assert_eq!(over(&made.report, &[8; 64]).unwrap_err().code(), "platform.report_data");
        let refused = report(&Fake { status: 0x16, ..GOOD }, &[7; 64]).unwrap_err();
        assert_eq!(refused.code(), "platform.firmware");
        assert_eq!(
            report(&Fake { size: 9, ..GOOD }, &[7; 64]).unwrap_err().code(),
            "platform.answer"
        );
    }

    /// Family and image are whatever the one who starts a guest says.
    #[test]
    fn the_key_is_bound_to_policy_and_measurement() {
        assert_eq!(BOUND_TO, 0b1001);
        assert!(derived_key(&GOOD).unwrap().same_as(&Secret::new([5; 32])));
        assert!(derived_key(&Fake { status: 1, ..GOOD }).is_err());
    }

    #[test]
    fn what_is_no_such_device_says_so() {
        let none = Device::at(Path::new("/dev/none"));
        assert_eq!(report(&none, &[0; 64]).unwrap_err().code(), "platform.absent");
        let null = Device::at(Path::new("/dev/null"));
        assert_eq!(report(&null, &[0; 64]).unwrap_err().code(), "platform.channel_shut");
        assert_eq!(derived_key(&null).err().unwrap().code(), "platform.channel_shut");
    }

    #[test]
    fn the_key_that_signed_is_named_in_the_report() {
        let mut report = vec![0; REPORT_BYTES];
        assert!(!is_leased(&report));
        report[KEY_INFO_AT] = 1 << 2;
        assert!(is_leased(&report));
        assert!(!is_leased(&[]));
    }
}
