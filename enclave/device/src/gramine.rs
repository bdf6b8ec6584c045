//! Gramine's files inside an SGX enclave (`/dev/attestation`): 64 bytes go in, a quote comes
//! out, and a sealing key can be read. They belong to the process that reads them. Order
//! matters: the quote is made when its file is opened, over the bytes written before.

use std::path::{Path, PathBuf};

use autoclave_base::Secret;
use zeroize::Zeroizing;

use crate::{DeviceError, Files};

/// Where Gramine shows them.
pub const BASE: &str = "/dev/attestation";

/// Longest quote that is read.
const QUOTE_BYTES_MAX: usize = 64 * 1024;
/// Longest name of a scheme.
const SCHEME_BYTES_MAX: usize = 32;
/// Bytes of a sealing key (`EGETKEY`).
const KEY_BYTES: usize = 16;
/// Where the 64 bytes stand in a quote: 48 of its header, 320 of the report body.
const REPORT_DATA_AT: usize = 48 + 320;

const ADVICE: &str = "it is there only inside an SGX enclave that Gramine started";

/// Which enclaves get the same sealing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// Exactly this code: an update loses it.
    Code,
    /// Whatever the same signer released under the same product number, at this security
    /// version or a later one.
    Signer,
}

impl Sealing {
    const fn file(self) -> &'static str {
        match self {
            Self::Code => "keys/_sgx_mrenclave",
            Self::Signer => "keys/_sgx_mrsigner",
        }
    }
}

/// Gramine's files.
pub struct Gramine<'a> {
    files: &'a dyn Files,
    base: PathBuf,
}

impl<'a> Gramine<'a> {
    /// The files below `base`.
    pub fn new(files: &'a dyn Files, base: &Path) -> Self {
        Self { files, base: base.to_owned() }
    }

    /// Fails unless quotes are made for DCAP.
    pub fn must_be_dcap(&self) -> Result<(), DeviceError> {
        let scheme = self.read("attestation_type", SCHEME_BYTES_MAX)?;
        let scheme = String::from_utf8_lossy(&scheme);
        let scheme: String = scheme.trim().chars().filter(char::is_ascii_graphic).collect();
        if scheme == "dcap" { Ok(()) } else { Err(DeviceError::Scheme(scheme)) }
    }

    /// A quote over `input`. One question at a time: the files are the process's.
    pub fn quote(&self, input: &[u8; 64]) -> Result<Vec<u8>, DeviceError> {
        let path = self.base.join("user_report_data");
        let written = self.files.write_at_once(&path, input);
        written.map_err(|error| DeviceError::of(&path, ADVICE, error))?;
        let quote = self.read("quote", QUOTE_BYTES_MAX)?;
        match quote.get(REPORT_DATA_AT..REPORT_DATA_AT + input.len()) {
            Some(found) if found == input => Ok(quote),
            Some(_) => Err(DeviceError::ReportData),
            None => Err(DeviceError::Malformed),
        }
    }

    /// The processor's sealing key for this enclave.
    pub fn sealing_key(&self, sealing: Sealing) -> Result<Secret<[u8; KEY_BYTES]>, DeviceError> {
        let key = Zeroizing::new(self.read(sealing.file(), KEY_BYTES)?);
        let key = <[u8; KEY_BYTES]>::try_from(key.as_slice()).ok().filter(|key| *key != [0; 16]);
        key.map(Secret::new).ok_or(DeviceError::Malformed)
    }

    fn read(&self, name: &str, bytes_max: usize) -> Result<Vec<u8>, DeviceError> {
        let path = self.base.join(name);
        self.files.read(&path, bytes_max).map_err(|error| DeviceError::of(&path, ADVICE, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    fn folder(scheme: &str, quoted: [u8; 64]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        write("attestation_type", scheme.as_bytes()).unwrap();
        write("user_report_data", &[]).unwrap();
        write("quote", &[&[1; REPORT_DATA_AT][..], &quoted, &[2; 64]].concat()).unwrap();
        write("keys/_sgx_mrsigner", &[3; 16]).unwrap();
        write("keys/_sgx_mrenclave", &[4; 15]).unwrap();
        folder
    }

    #[test]
    fn a_quote_is_over_what_was_written_or_is_not_kept() {
        let folder = folder("dcap", [9; 64]);
        let gramine = Gramine::new(&System, folder.path());
        gramine.must_be_dcap().unwrap();
        assert_eq!(gramine.quote(&[9; 64]).unwrap().len(), REPORT_DATA_AT + 128);
        let written = std::fs::read(folder.path().join("user_report_data")).unwrap();
        assert_eq!(written, [9; 64]);
        assert_eq!(gramine.quote(&[8; 64]).unwrap_err().code(), "platform.report_data");
        std::fs::write(folder.path().join("quote"), [1; 100]).unwrap();
        assert_eq!(gramine.quote(&[9; 64]).unwrap_err().code(), "platform.answer");
    }

    #[test]
    fn another_scheme_and_a_key_that_is_none_are_refused() {
        let folder = folder("none\n", [0; 64]);
        let gramine = Gramine::new(&System, folder.path());
        assert_eq!(gramine.must_be_dcap().unwrap_err().code(), "platform.scheme");
        assert!(gramine.sealing_key(Sealing::Signer).unwrap().same_as(&Secret::new([3; 16])));
        assert_eq!(gramine.sealing_key(Sealing::Code).err().unwrap().code(), "platform.answer");
        std::fs::write(folder.path().join("keys/_sgx_mrsigner"), [0; 16]).unwrap();
        assert_eq!(gramine.sealing_key(Sealing::Signer).err().unwrap().code(), "platform.answer");
        let nowhere = Gramine::new(&System, Path::new("/nowhere"));
        assert_eq!(nowhere.must_be_dcap().unwrap_err().code(), "platform.absent");
    }
}
