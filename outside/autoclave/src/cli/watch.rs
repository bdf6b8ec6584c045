//! The words of those who watch a deployment from outside: monitor, export, witness, probe.
//! They belong to auditors, to hospitals and their witnesses.
//! Nothing here does anything.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Connection;

/// `ledger monitor`
#[derive(Debug, Args)]
pub struct Monitor {
    /// Ledgers: `http://host:port/parties/NAME/ledger`, an edge's address for all of its
    /// parties, or a ledger's folder.
    #[arg(required = true)]
    pub sources: Vec<String>,
    /// The folder for what is kept from one visit to the next.
    #[arg(long, default_value = ".autoclave-monitor")]
    pub state: PathBuf,
    /// The ledger's key; by default what was kept, and at the first visit what the ledger
    /// itself shows.
    #[arg(long)]
    pub key: Option<String>,
    /// A witness's key. Repeatable; the ledger's `cosigned` checkpoint must carry its word.
    #[arg(long)]
    pub witness: Vec<String>,
    /// How many of the witnesses must have cosigned; all by default.
    #[arg(long)]
    pub require: Option<usize>,
    /// Visit again every so many seconds until something is wrong.
    #[arg(long)]
    pub every: Option<u64>,
    /// Print every new line, not only those that matter.
    #[arg(long)]
    pub lines: bool,
    /// Print JSON, one object for each ledger and visit.
    #[arg(long)]
    pub json: bool,
}

/// `ledger export`
#[derive(Debug, Args)]
pub struct Export {
    /// The ledger: `http://host:port/parties/NAME/ledger`, or its folder.
    pub source: String,
    /// What to write.
    #[arg(long, value_enum)]
    pub format: Format,
    /// The file; standard output by default.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The ledger's key or a file with it; by default the one that the ledger shows.
    #[arg(long)]
    pub key: Option<String>,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A FHIR R4 Bundle of `AuditEvent`s.
    Fhir,
    /// A table.
    Csv,
}

/// `witness`
#[derive(Debug, Args)]
pub struct Witness {
    /// The witness's folder: its key and what it has seen. Made if it is not there.
    #[arg(long)]
    pub dir: PathBuf,
    /// Its name, a URL without scheme, as in `witness.hospital.example/1`.
    #[arg(long)]
    pub name: String,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:7480")]
    pub listen: SocketAddr,
    /// Take any ledger whose name follows from its key.
    #[arg(long)]
    pub open: bool,
    /// A ledger to witness: its key, and after `=` where its files are read. Repeatable.
    #[arg(long = "log")]
    pub logs: Vec<String>,
    /// Another witness to compare with: `http://host:port`. Repeatable.
    #[arg(long = "peer")]
    pub peers: Vec<String>,
    /// Seconds between two comparisons.
    #[arg(long, default_value_t = 30)]
    pub every: u64,
}

/// `probe`
#[derive(Debug, Args)]
pub struct Probe {
    /// The edge of a deployment of your own, if not the client folder's.
    pub urls: Vec<String>,
    /// Only attacks whose name begins so. Repeatable.
    #[arg(long)]
    pub only: Vec<String>,
    /// Say what would be tried, and try nothing.
    #[arg(long)]
    pub list: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where and whom.
    #[command(flatten)]
    pub connection: Connection,
}
