//! What can go wrong between an enclave and its TEE, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The TEE did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The interface is not there.
    #[error("{} is not there: {advice}", path.display())]
    Absent {
        /// Which.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
    },
    /// It may not be opened.
    #[error("{} may not be opened: run as root, or with CAP_SYS_ADMIN", .0.display())]
    Denied(PathBuf),
    /// configfs-tsm serves another TEE than the one that was named.
    #[error("configfs-tsm speaks for `{found}`, not for `{expected}`: name the other platform")]
    Provider {
        /// What it should be.
        expected: &'static str,
        /// What it is; only printable characters of it.
        found: String,
    },
    /// Somebody else wrote to our entry between question and answer, again and again.
    #[error("another process writes to our configfs-tsm entry: find out which, and stop it")]
    Raced,
    /// The TEE's driver is busy, again and again.
    #[error("the TEE's driver stays busy: other guests of its host ask too often, or it hangs")]
    Busy,
    /// The report is longer than the kernel's buffer for it, or than ours.
    #[error("the report is longer than the kernel hands out: a newer kernel is needed")]
    TooLarge,
    /// The kernel shut the guest's channel to the secure processor.
    #[error("the channel to the secure processor is shut, as after an error: reboot the guest")]
    Shut,
    /// The host did not do its part.
    #[error("{} fails: the host's quoting service or firmware does not answer", path.display())]
    Host {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else of the kernel's.
    #[error("{} cannot be used", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The firmware refused; the number is its own.
    #[error("the secure processor refuses with status {0:#x}")]
    Firmware(u64),
    /// The answer is not of the form that it should have.
    #[error("the TEE's answer is malformed")]
    Malformed,
    /// The answer is over other bytes than those that were handed in.
    #[error("the TEE's report is over other bytes than ours")]
    ReportData,
    /// Gramine attests by another scheme than DCAP, or not at all.
    #[error("Gramine attests by `{0}`: set sgx.remote_attestation = \"dcap\" in the manifest")]
    Scheme(String),
}

impl DeviceError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "platform.absent",
            Self::Denied(_) => "platform.denied",
            Self::Provider { .. } => "platform.provider",
            Self::Raced => "platform.raced",
            Self::Busy => "platform.tee_busy",
            Self::TooLarge => "platform.report_too_large",
            Self::Shut => "platform.channel_shut",
            Self::Host { .. } => "platform.host",
            Self::Io { .. } => "platform.io",
            Self::Firmware(_) => "platform.firmware",
            Self::Malformed => "platform.answer",
            Self::ReportData => "platform.report_data",
            Self::Scheme(_) => "platform.scheme",
        }
    }

    /// What the kernel's error number means for the file at `path`.
    pub(crate) fn of(path: &std::path::Path, advice: &'static str, source: io::Error) -> Self {
        use rustix::io::Errno;
        let path = path.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Self::Absent { path, advice },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied(path),
            Some(Errno::FBIG) => Self::TooLarge,
            Some(Errno::AGAIN) => Self::Raced,
            Some(Errno::BUSY) => Self::Busy,
            Some(Errno::NOTTY) => Self::Shut,
            Some(Errno::IO | Errno::TIMEDOUT | Errno::INTR) => Self::Host { path, source },
            _ => Self::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn error_numbers_become_words() {
        let code = |number: Errno| DeviceError::of(Path::new("outblob"), "", number.into()).code();
        assert_eq!(code(Errno::FBIG), "platform.report_too_large");
        assert_eq!(code(Errno::AGAIN), "platform.raced");
        assert_eq!(code(Errno::BUSY), "platform.tee_busy");
        assert_eq!(code(Errno::NOENT), "platform.absent");
        assert_eq!(code(Errno::ACCESS), "platform.denied");
        assert_eq!(code(Errno::NOTTY), "platform.channel_shut");
        assert_eq!(code(Errno::TIMEDOUT), "platform.host");
        assert_eq!(code(Errno::INVAL), "platform.io");
    }
}
