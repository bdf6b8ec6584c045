//! The machine as its operator describes it in one file: where the TPM is, where the
//! launcher leaves its log, and the papers of the TPM's keys. Nothing in it has to be
//! trusted: what is wrong here makes evidence that nobody accepts.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Device;

/// Longest file of an operator that is read.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A machine. Paths are from the folder that the program runs in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The TPM: `/dev/tpmrm0`, `unix:PATH` or `tcp:ADDRESS:PORT`.
    pub device: Device,
    /// The launcher's log of what it measured.
    pub log: PathBuf,
    /// The attestation key's certificate, as enrolment issued it.
    pub ak_certificate: PathBuf,
    /// Certificates (DER) between the endorsement key's own, which the TPM holds, and its
    /// maker's root, lowest first.
    #[serde(default)]
    pub ek_chain: Vec<PathBuf>,
}

/// The file, or one that it names, is not usable.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// It cannot be read, or is too large.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not the TOML that a platform is.
    #[error("{} is malformed: {reason}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl PlatformError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "platform.unreadable",
            Self::Malformed { .. } => "platform.malformed",
        }
    }
}

impl Platform {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, PlatformError> {
        toml::from_str(&read_text(path)?).map_err(|error| PlatformError::Malformed {
            path: path.to_owned(),
            reason: error.message().to_owned(),
        })
    }

    /// The certificates that `ek_chain` names.
    pub fn intermediates(&self) -> Result<Vec<Vec<u8>>, PlatformError> {
        self.ek_chain.iter().map(|path| read(path)).collect()
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`].
pub fn read(path: &Path) -> Result<Vec<u8>, PlatformError> {
    use std::io::Read as _;
    let unreadable = |source| PlatformError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(content)
}

/// As [`read`], for a text.
pub fn read_text(path: &Path) -> Result<String, PlatformError> {
    String::from_utf8(read(path)?).map_err(|_| PlatformError::Malformed {
        path: path.to_owned(),
        reason: "not a text".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Platform, PlatformError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platform.toml");
        std::fs::write(&path, text).unwrap();
        Platform::read(&path)
    }

    #[test]
    fn the_three_kinds_of_device_are_read_and_no_other() {
        let rest = "log = \"log.json\"\nak_certificate = \"ak.jws\"\n";
        let device = |name: &str| parse(&format!("device = \"{name}\"\n{rest}"));
        assert_eq!(device("/dev/tpmrm0").unwrap().device, Device::File("/dev/tpmrm0".into()));
        assert_eq!(device("unix:a/socket").unwrap().device, Device::Unix("a/socket".into()));
        let address = "127.0.0.1:2321".parse().unwrap();
        assert_eq!(device("tcp:127.0.0.1:2321").unwrap().device, Device::Tcp(address));
        for wrong in ["tpm0", "tcp:localhost", "swtpm"] {
            assert_eq!(device(wrong).unwrap_err().code(), "platform.malformed");
        }
    }

    #[test]
    fn unknown_members_and_missing_files_are_refused() {
        assert_eq!(parse("devise = \"x\"").unwrap_err().code(), "platform.malformed");
        let missing = Platform::read(Path::new("/nowhere/platform.toml")).unwrap_err();
        assert_eq!(missing.code(), "platform.unreadable");
    }
}
