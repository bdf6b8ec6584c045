//! The records on disk: one `SQLite` file whose every page is encrypted and authenticated,
//! holding bodies that are sealed once more under their patient's key. The hospital's. It
//! opens no plain file and no file under another key, and no change is visible in part.

mod admissions;
mod diagnoses;
mod grants;
mod images;
mod migrate;
mod open;
mod records;
mod sessions;
mod staff;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, OnceLock, PoisonError};

use autoclave_cell::kept::Kept;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use admissions::{Admitted, IntakeKey, NewAdmission, WorkItem};
pub(crate) use diagnoses::{FiledDiagnosis, NewDiagnosis};
pub(crate) use grants::Refresh;
pub(crate) use images::ImageHead;
pub use open::Presence;
pub(crate) use sessions::SessionRow;
pub(crate) use staff::{NewStaff, StaffRow};

use crate::auth::generations::Generations;
use crate::keys::{RecordsKeys, SealBroken};

/// The number of the last change.
const SERIAL: &str = "SELECT serial FROM changes";

/// Why the store cannot be opened or used. Text of the engine stays inside: it may quote
/// what was stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is plain `SQLite`; something else wrote it.
    #[error("the records file is not encrypted")]
    Plain,
    /// Another key, or an altered first page: these look alike.
    #[error("the records file does not open under this key")]
    WrongKey,
    /// Records were kept here before, and the file is gone.
    #[error("the records file is missing")]
    Missing,
    /// The engine was built without encryption.
    #[error("the database engine cannot encrypt")]
    NoCipher,
    /// A newer program wrote the file.
    #[error("the records file is of a newer version")]
    Newer,
    /// A sealed body does not open: altered.
    #[error("a record does not open")]
    Sealed,
    /// A row is not what this program writes.
    #[error("a record is not what this program writes")]
    Malformed,
    /// The disk is full; nothing was half-written.
    #[error("the disk is full")]
    Full,
    /// The engine or the disk failed.
    #[error("the records file cannot be read or written")]
    Engine,
}

impl StoreError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Plain => "store.plain",
            Self::WrongKey => "store.wrong_key",
            Self::Missing => "store.missing",
            Self::NoCipher => "store.no_cipher",
            Self::Newer => "store.newer",
            Self::Sealed => "store.sealed",
            Self::Malformed => "store.malformed",
            Self::Full => "store.full",
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
            _ => Self::Engine,
        }
    }
}

impl From<SealBroken> for StoreError {
    fn from(_: SealBroken) -> Self {
        Self::Sealed
    }
}

/// The open store. Methods block on the disk; handlers call them off the runtime's threads.
pub struct Store {
    connection: Mutex<Connection>,
    keys: RecordsKeys,
    generations: Generations,
    /// Told of every change; the ledger is, through it.
    kept: OnceLock<Kept>,
}

impl Store {
    /// The keys that this store is sealed under.
    pub(crate) const fn keys(&self) -> &RecordsKeys {
        &self.keys
    }

    /// The generations of sessions: here, because every end of one goes through here.
    pub(crate) const fn generations(&self) -> &Generations {
        &self.generations
    }

    /// How many changes there were: counted inside, so that an older copy has fewer.
    pub(crate) fn serial(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let serial = connection.query_row(SERIAL, [], |row| row.get::<_, i64>(0))?;
            u64::try_from(serial).map_err(|_| StoreError::Malformed)
        })
    }

    /// Has every further change told.
    pub(crate) fn keep(&self, kept: Kept) {
        let _already = self.kept.set(kept);
    }

    /// Runs `work` in one transaction: all of it is on disk when this returns, or nothing.
    /// It counts as a change.
    fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (value, serial) = self.change_quietly(|transaction| {
            let value = work(transaction)?;
            let count = "UPDATE changes SET serial = serial + 1 RETURNING serial";
            let serial = transaction.query_row(count, [], |row| row.get::<_, i64>(0))?;
            Ok((value, u64::try_from(serial).map_err(|_| StoreError::Malformed)?))
        })?;
        if let Some(kept) = self.kept.get() {
            kept.changed(serial);
        }
        Ok(value)
    }

    /// As [`Store::change`], for what does no harm if it is forgotten.
    fn change_quietly<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A panic inside a transaction rolls it back; the connection stays whole.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection)
    }
}

/// Reads a typed id from a column.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Malformed)
}

/// Reads a time from a column.
fn time(seconds: i64) -> Result<autoclave_base::UnixTime, StoreError> {
    let seconds = u64::try_from(seconds).map_err(|_| StoreError::Malformed)?;
    Ok(autoclave_base::UnixTime::from_seconds(seconds))
}

/// Writes a time to a column.
fn seconds(time: autoclave_base::UnixTime) -> i64 {
    i64::try_from(time.seconds()).unwrap_or(i64::MAX)
}
