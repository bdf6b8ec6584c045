//! Why the launcher does not start a program, and what to do about it.

use std::io;
use std::path::PathBuf;

use autoclave_attest::release::ManifestRefusal;
use autoclave_base::ids::WorkloadName;
use autoclave_tpm::{PlatformError, TpmError};

/// Nothing was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// The command line is not one of ours.
    #[error(
        "usage: autoclave-launcher identity --platform FILE
       autoclave-launcher registers --platform FILE
       autoclave-launcher activate --platform FILE --challenge FILE
       autoclave-launcher run --platform FILE --manifest FILE --release-key FILE… -- BINARY CONFIG"
    )]
    Usage,
    /// The answer could not be written.
    #[error("the answer cannot be written")]
    Unheard(#[source] io::Error),
    /// A file that was named is not usable.
    #[error(transparent)]
    File(#[from] PlatformError),
    /// The TPM does not do what it should.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// A challenge or a release key is not what it should be.
    #[error("{} is malformed", .0.display())]
    Malformed(PathBuf),
    /// The program cannot be read, or not be held in memory that nobody can change.
    #[error("{} cannot be loaded", path.display())]
    Program {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration does not say which workload it is for.
    #[error("{} does not name its workload and libraries as an enclave's does", .0.display())]
    Configuration(PathBuf),
    /// The release manifest is not one of the release keys named.
    #[error("the release manifest is refused: {0}")]
    Manifest(#[from] ManifestRefusal),
    /// The manifest does not name what was measured.
    #[error(
        "the release manifest does not list this program with this configuration as `{workload}` \
         for kind tpm: measured {measurement}"
    )]
    NotReleased {
        /// What the configuration is for.
        workload: WorkloadName,
        /// What was measured.
        measurement: autoclave_base::Digest,
    },
    /// Somebody has used the registers since the machine started.
    #[error("the TPM's registers 8 to 15 were used since it started: reboot the machine")]
    RegistersUsed,
    /// The log cannot be written.
    #[error("the log {} cannot be written", path.display())]
    Log {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel does not start the program.
    #[error("the program cannot be started")]
    Exec(#[source] io::Error),
}

impl LaunchError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Usage => "launch.usage",
            Self::Unheard(_) => "launch.output",
            Self::File(error) => error.code(),
            Self::Tpm(error) => error.code(),
            Self::Malformed(_) => "launch.malformed",
            Self::Program { .. } => "launch.program",
            Self::Configuration(_) => "launch.configuration",
            Self::Manifest(refusal) => refusal.code(),
            Self::NotReleased { .. } => "launch.not_released",
            Self::RegistersUsed => "launch.registers_used",
            Self::Log { .. } => "launch.log",
            Self::Exec(_) => "launch.exec",
        }
    }

    /// The sentence with its causes and its code. Nothing of it is secret: no enclave runs.
    pub(crate) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        format!("{text} [{}]", self.code())
    }
}
