//! Opening the file: the key first, then proof that it is the right one. The store's. No
//! page is written before both.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use autoclave_base::{Digest, Secret};
use autoclave_cell::Entropy;
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::{Store, StoreError, migrate};
use crate::auth::generations::Generations;
use crate::keys::RecordsKeys;

/// What an unencrypted database begins with.
const PLAIN_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// The file exists by now, and its name is a path and nothing else.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Set before the first read: every page is authenticated, temporary data stays in memory,
/// and a commit has reached the disk when it returns.
const PRAGMAS: &str = "
    PRAGMA cipher_hmac_algorithm = HMAC_SHA256;
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA secure_delete = ON;
";

/// After the key was proved.
const DURABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
";

/// Whether records were kept here before, as the enclave's sealed state remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The first start: the file may be created.
    Unknown,
    /// There was a file, so there must be one now.
    Expected,
}

impl Store {
    /// Opens the records at `path`, or creates them where none were expected.
    pub fn open(path: &Path, keys: RecordsKeys, presence: Presence) -> Result<Self, StoreError> {
        refuse_plain(path, presence)?;
        let mut connection = Connection::open_with_flags(path, FLAGS)?;
        unlock(&connection, keys.database())?;
        connection.execute_batch(PRAGMAS)?;
        prove(&connection)?;
        connection.execute_batch(DURABLE)?;
        migrate::up(&mut connection)?;
        let generations = Generations::new(&mut Entropy);
        let kept = OnceLock::new();
        Ok(Self { connection: Mutex::new(connection), keys, generations, kept })
    }
}

fn refuse_plain(path: &Path, presence: Presence) -> Result<(), StoreError> {
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

/// An empty file that only this user can read; the engine keeps its mode.
fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(|_| StoreError::Engine)
}

/// A raw key: no derivation inside the engine, 0.5 ms instead of 100.
fn unlock(connection: &Connection, key: &Secret<[u8; 32]>) -> Result<(), StoreError> {
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
