//! Why an enclave did not start, or stopped. The cell's and the roles'. It is told to the
//! operator before any request was served, so that it can hold no patient's data.

use crate::attester::AttesterError;
use crate::config::ConfigRefusal;
use crate::ledger::LedgerError;
use crate::measure::MeasureError;
use crate::state::StateError;

/// An enclave did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The command line is not `CONFIG.toml --platform KIND:PATH`.
    #[error(
        "usage: {0} CONFIG.toml --platform PLATFORM: software:KEY, tpm:FILE, tdx:, snp:, sgx:, \
         azure: or nitro:; `autoclave doctor` says which of them this machine is"
    )]
    Usage(String),
    /// The configuration file cannot be read.
    #[error("the configuration cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigRefusal),
    /// The enclave cannot measure itself.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The platform does not answer.
    #[error(transparent)]
    Platform(#[from] AttesterError),
    /// The sealed state does not open, or is not where it must be.
    #[error(transparent)]
    State(#[from] StateError),
    /// The ledger does not open, or does not take its first lines.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A URL of an attestor or peer is not `http://host:port`.
    #[error("`{0}` is not of the form http://host:port")]
    Url(String),
    /// A URL of a cache is not `redis://host:port`.
    #[error("`{0}` is not of the form redis://host:port")]
    CacheUrl(String),
    /// The runtime or TLS could not be set up.
    #[error("{code}")]
    Setup {
        /// The stable code.
        code: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The role could not be built.
    #[error("the role cannot start: {code}")]
    Role {
        /// The role's stable code.
        code: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The enclave was told to stop before it was ready.
    #[error("stopped before it was ready")]
    Stopped,
}

impl BootError {
    /// For a role's `build`: a stable code, and the error behind it.
    pub fn role(
        code: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Role { code, source: source.into() }
    }

    pub(crate) fn setup(
        code: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Setup { code, source: source.into() }
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "cell.usage",
            Self::Unreadable(_) => "config.unreadable",
            Self::Config(refusal) => refusal.code(),
            Self::Measure(error) => error.code(),
            Self::Platform(error) => error.code(),
            Self::State(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Listen { .. } => "cell.listen",
            Self::Url(_) | Self::CacheUrl(_) => "config.url",
            Self::Setup { code, .. } | Self::Role { code, .. } => code,
            Self::Stopped => "cell.stopped",
        }
    }
}
