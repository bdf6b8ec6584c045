//! configfs-tsm: the kernel's one interface to the TEE of a confidential VM (Linux 6.7,
//! `Documentation/ABI/testing/configfs-tsm-report`). An entry is a folder of attributes:
//! bytes go in, a signed report comes out. Each question has an entry of its own, which is
//! removed whatever came of it, and an answer to somebody else's question is never kept.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::{DeviceError, Files};

/// Where the kernel keeps the entries.
pub const BASE: &str = "/sys/kernel/config/tsm/report";

/// Bytes that a report is over.
pub const INPUT_BYTES: usize = 64;
/// Longest report that is read: newer kernels hand out more than the first 32 KiB.
pub const OUTPUT_BYTES_MAX: usize = 128 * 1024;
/// Longest attribute of text: a name or a number.
const WORD_BYTES_MAX: usize = 64;
/// How often a question is asked anew when somebody got in between, or the driver is busy.
const ATTEMPTS_MAX: usize = 8;

const ADVICE: &str = "a confidential VM with Linux 6.7 or later has it; mount configfs, and load \
                      the module of the TEE (tdx_guest, sev-guest)";

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Intel TDX.
    Tdx,
    /// AMD SEV-SNP.
    Snp,
}

impl Provider {
    /// The provider as the attribute names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tdx => "tdx_guest",
            Self::Snp => "sev_guest",
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The signed report: a TDX quote, or an SNP report.
    pub output: Vec<u8>,
    /// What the host put beside it: a table of certificates, or nothing.
    pub auxiliary: Vec<u8>,
}

/// configfs-tsm on a machine.
pub struct Tsm<'a> {
    files: &'a dyn Files,
    base: PathBuf,
}

impl<'a> Tsm<'a> {
    /// The entries below `base`.
    pub fn new(files: &'a dyn Files, base: impl Into<PathBuf>) -> Self {
        Self { files, base: base.into() }
    }

    /// A report over `input` by `provider`. `draw` gives randomness for the entry's name:
    /// two containers may share the folder, not the name.
    pub fn report(
        &self,
        provider: Provider,
        input: &[u8; INPUT_BYTES],
        draw: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Report, DeviceError> {
        let mut last = DeviceError::Raced;
        for _ in 0..ATTEMPTS_MAX {
            match self.ask(provider, input, draw()) {
                Err(error @ (DeviceError::Raced | DeviceError::Busy)) => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    /// Who answers here: makes an entry to ask it, and removes the entry.
    pub fn provider(&self, name: [u8; 16]) -> Result<String, DeviceError> {
        self.entry(name)?.word("provider")
    }

    fn ask(
        &self,
        provider: Provider,
        input: &[u8; INPUT_BYTES],
        name: [u8; 16],
    ) -> Result<Report, DeviceError> {
        let entry = self.entry(name)?;
        entry.must_be(provider)?;
        let before = entry.number("generation")?;
        let writes = 1 + entry.raise_level()?;
        entry.write("inblob", input)?;
        let output = entry.read("outblob", OUTPUT_BYTES_MAX)?;
        let auxiliary = entry.optional("auxblob")?.unwrap_or_default();
        // The kernel counts writes. One that is not ours means another question.
        if entry.number("generation")? != before.wrapping_add(writes) {
            return Err(DeviceError::Raced);
        }
        Ok(Report { output, auxiliary })
    }

    fn entry(&self, name: [u8; 16]) -> Result<Entry<'a>, DeviceError> {
        let name = name.iter().fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
        let path = self.base.join(format!("autoclave-{name}"));
        self.files.make_folder(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => DeviceError::Raced,
            _ => DeviceError::of(&self.base, ADVICE, error),
        })?;
        Ok(Entry { files: self.files, path })
    }
}

/// One entry; the kernel forgets it when this is dropped.
struct Entry<'a> {
    files: &'a dyn Files,
    path: PathBuf,
}

impl Entry<'_> {
    fn must_be(&self, provider: Provider) -> Result<(), DeviceError> {
        let found = self.word("provider")?;
        if found == provider.as_str() {
            return Ok(());
        }
        Err(DeviceError::Provider { expected: provider.as_str(), found })
    }

    /// Asks at the lowest level that the guest may ask at: its own. Where the TEE has no
    /// levels there is nothing to ask. Says how often it wrote.
    fn raise_level(&self) -> Result<u32, DeviceError> {
        if self.optional("privlevel_floor")?.is_none() {
            return Ok(0);
        }
        let floor = self.number("privlevel_floor")?;
        self.write("privlevel", floor.to_string().as_bytes()).map(|()| 1)
    }

    /// A short text, without its end of line and without what cannot be printed.
    fn word(&self, name: &str) -> Result<String, DeviceError> {
        let bytes = self.read(name, WORD_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.trim().chars().filter(char::is_ascii_graphic).collect())
    }

    fn number(&self, name: &str) -> Result<u32, DeviceError> {
        self.word(name)?.parse().map_err(|_| DeviceError::Malformed)
    }

    /// An attribute that not every TEE, or not every kernel, has.
    fn optional(&self, name: &str) -> Result<Option<Vec<u8>>, DeviceError> {
        match self.read(name, OUTPUT_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DeviceError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, DeviceError> {
        let path = self.path.join(name);
        self.files.read(&path, bytes_max).map_err(|error| DeviceError::of(&path, ADVICE, error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DeviceError> {
        let path = self.path.join(name);
        self.files
            .write_at_once(&path, bytes)
            .map_err(|error| DeviceError::of(&path, ADVICE, error))
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        // Nobody could do anything about it; an entry that stays costs the kernel some bytes.
        let _removed = self.files.remove_folder(&self.path);
    }
}
