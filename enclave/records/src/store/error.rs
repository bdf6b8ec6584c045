//! Why the store refuses. Text of an engine stays inside: it may quote what was stored.

use crate::keys::{RootError, SealBroken};

/// Why the store cannot be opened or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file is plain `SQLite`; something else wrote it.
    #[error("the records file is not encrypted")]
    Plain,
    /// Another key, or an altered first page: these look alike.
    #[error("the records do not open under this key")]
    WrongKey,
    /// Records were kept here before, and they are gone.
    #[error("the records are missing")]
    Missing,
    /// There are records where none may be.
    #[error("there are records at this place")]
    Occupied,
    /// A database on another machine, to which the way is not secured.
    #[error("a database on another machine is not used")]
    NotLocal,
    /// The engine was built without encryption.
    #[error("the database engine cannot encrypt")]
    NoCipher,
    /// A newer program wrote them.
    #[error("the records are of a newer version")]
    Newer,
    /// Their patients' keys are wrapped under a root that is gone: an older copy.
    #[error("the records are an older copy")]
    RolledBack,
    /// The root of patients' keys cannot be read or written.
    #[error("the root of patients' keys cannot be read or written")]
    Root,
    /// A sealed body does not open: altered, or elsewhere than where it was written.
    #[error("a record does not open")]
    Sealed,
    /// A row is not what this program writes.
    #[error("a record is not what this program writes")]
    Malformed,
    /// The resource has another version than was expected, or is there although none was.
    #[error("the resource has another version")]
    Conflict,
    /// The patient was erased; nothing is stored for them any more.
    #[error("the patient was erased")]
    Erased,
    /// The question would take longer than any may.
    #[error("the question takes too long")]
    TooCostly,
    /// A value is longer or larger than the store takes.
    #[error("a value is too large")]
    TooLarge,
    /// The disk is full; nothing was half-written.
    #[error("the disk is full")]
    Full,
    /// The database does not answer; a change that was under way may have happened or not.
    #[error("the database does not answer")]
    Unavailable,
    /// The engine or the disk failed.
    #[error("the records cannot be read or written")]
    Engine,
}

impl StoreError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Plain => "store.plain",
            Self::WrongKey => "store.wrong_key",
            Self::Missing => "store.missing",
            Self::Occupied => "store.occupied",
            Self::NotLocal => "store.not_local",
            Self::NoCipher => "store.no_cipher",
            Self::Newer => "store.newer",
            Self::RolledBack => "store.rolled_back",
            Self::Root => "store.root",
            Self::Sealed => "store.sealed",
            Self::Malformed => "store.malformed",
            Self::Conflict => "store.conflict",
            Self::Erased => "store.erased",
            Self::TooCostly => "store.too_costly",
            Self::TooLarge => "store.too_large",
            Self::Full => "store.full",
            Self::Unavailable => "store.unavailable",
            Self::Engine => "store.engine",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::WrongKey,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::OperationInterrupted) => Self::TooCostly,
            _ => Self::Engine,
        }
    }
}

impl From<SealBroken> for StoreError {
    fn from(_: SealBroken) -> Self {
        Self::Sealed
    }
}

impl From<RootError> for StoreError {
    fn from(_: RootError) -> Self {
        Self::Root
    }
}
