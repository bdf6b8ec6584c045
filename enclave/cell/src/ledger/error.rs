//! Why a ledger does not open, and why a line is not taken. The cell's; both are told with
//! a stable code, and the system's own words stay inside.

use std::io::{self, ErrorKind};

use autoclave_ledger::{CheckpointRefusal, EntryError};

use crate::Refusal;

/// A full disk is what an operator can help, so that callers may know; the rest is inside.
const FULL: Refusal =
    Refusal::unavailable("ledger.full", "The ledger's disk is full; nothing was done.");

/// The ledger does not open, or does not take its first lines.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk refuses.
    #[error("the ledger's disk refuses")]
    Io(#[source] io::Error),
    /// Another process has the ledger open.
    #[error("another process has the ledger open")]
    InUse,
    /// The file in the journal's place is none.
    #[error("the journal is not a journal of this format")]
    Foreign,
    /// The journal is damaged before its end.
    #[error("the journal is damaged at byte {0}")]
    Damaged(u64),
    /// A checkpoint, published or remembered, is not this ledger's.
    #[error("a checkpoint is not this ledger's")]
    Checkpoint(#[from] CheckpointRefusal),
    /// A checkpoint covers more lines than the journal has.
    #[error("the journal has {size} lines, but {signed} were signed")]
    RolledBack {
        /// Lines in the journal.
        size: u64,
        /// Lines under the checkpoint.
        signed: u64,
    },
    /// A checkpoint covers other lines than the journal has.
    #[error("the journal's first {0} lines are not those that were signed")]
    Rewritten(u64),
    /// Too few witnesses have confirmed that there was never more of this ledger.
    #[error("{found} of {required} witnesses confirmed that the ledger is the latest")]
    Unwitnessed {
        /// How many have.
        found: usize,
        /// How many must.
        required: usize,
    },
    /// A line was not taken.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl LedgerError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "ledger.io",
            Self::InUse => "ledger.in_use",
            Self::Foreign => "ledger.journal_foreign",
            Self::Damaged(_) => "ledger.journal_damaged",
            Self::Checkpoint(refusal) => refusal.code(),
            Self::RolledBack { .. } => "ledger.rolled_back",
            Self::Rewritten(_) => "ledger.rewritten",
            Self::Unwitnessed { .. } => "ledger.unwitnessed",
            Self::Append(error) => error.code(),
        }
    }

    pub(super) const fn io(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The line was not taken, as far as the caller may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The event does not fit into a line.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The journal could not be written, as on a full disk. Nothing of it stays.
    #[error("the ledger's journal could not be written")]
    Write(io::ErrorKind),
    /// The journal could not be made durable. The ledger takes no more lines until the
    /// next start, because the system no longer says what is on the disk.
    #[error("the ledger's journal could not be made durable")]
    Sync(io::ErrorKind),
    /// An earlier failure has stopped the ledger.
    #[error("the ledger takes no lines after an earlier failure")]
    Halted,
    /// The ledger is closing.
    #[error("the ledger is closing")]
    Stopped,
}

impl AppendError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Entry(error) => error.code(),
            Self::Write(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => "ledger.full",
            Self::Write(_) => "ledger.write",
            Self::Sync(_) => "ledger.sync",
            Self::Halted => "ledger.halted",
            Self::Stopped => "ledger.stopped",
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        if error.code() == FULL.code() { FULL } else { Self::internal(error.code()) }
    }
}
