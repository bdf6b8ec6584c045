//! Opening the file: the key first, then proof that it is the right one. The store's. No
//! page is written before both.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use autoclave_base::{Digest, Secret};
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::Sqlite;
use crate::store::{Presence, StoreError};

/// What an unencrypted database begins with.
const PLAIN_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// The file exists by now, and its name is a path and nothing else.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Set before the first read: every page is authenticated, temporary data stays in memory,
/// and what is deleted is overwritten.
const PRAGMAS: &str = "
    PRAGMA cipher_hmac_algorithm = HMAC_SHA256;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA secure_delete = ON;
    PRAGMA busy_timeout = 10000;
";

/// After the key was proved: a commit has reached the disk when it returns, and the log is
/// cut back when it has grown.
const DURABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
";

/// Refuses a plain file and a missing one; creates an empty one where none was expected.
pub(in crate::store) fn create_or_find(path: &Path, presence: Presence) -> Result<(), StoreError> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return match presence {
            Presence::Expected => Err(StoreError::Missing),
            Presence::Unknown => create(path),
        };
    };
    let mut header = Vec::with_capacity(PLAIN_HEADER.len());
    file.by_ref().take(16).read_to_end(&mut header).map_err(|_| StoreError::Engine)?;
    match header.as_slice() {
        [] if presence == Presence::Expected => Err(StoreError::Missing),
        header if header == PLAIN_HEADER => Err(StoreError::Plain),
        _ => Ok(()),
    }
}

/// Connects to the file, keeping so many KiB of its pages in memory.
pub(in crate::store) fn connect(
    path: &Path,
    key: &Secret<[u8; 32]>,
    cache_kib: u32,
) -> Result<Sqlite, StoreError> {
    let connection = Connection::open_with_flags(path, FLAGS)?;
    unlock(&connection, key)?;
    connection.execute_batch(PRAGMAS)?;
    prove(&connection)?;
    connection.execute_batch(DURABLE)?;
    connection.execute_batch(&format!("PRAGMA cache_size = -{cache_kib};"))?;
    Sqlite::new(connection)
}

/// An empty file that only this user can read; the engine keeps its mode.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(|_| StoreError::Engine)
}

/// A raw key: no derivation inside the engine, 0.5 ms instead of 100.
pub(super) fn unlock(connection: &Connection, key: &Secret<[u8; 32]>) -> Result<(), StoreError> {
    // `Digest` only for its hexadecimal digits.
    let hex = Zeroizing::new(Digest::from_bytes(*key.expose()).hex());
    let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\";", hex.as_str()));
    connection.execute_batch(&pragma)?;
    let version: Result<String, _> =
        connection.query_row("PRAGMA cipher_version", [], |row| row.get(0));
    version.map(drop).map_err(|_| StoreError::NoCipher)
}

/// Reads the schema: fails unless the first page authenticates under the key.
fn prove(connection: &Connection) -> Result<(), StoreError> {
    let count = "SELECT count(*) FROM sqlite_master";
    connection.query_row(count, [], |row| row.get::<_, i64>(0))?;
    Ok(())
}
