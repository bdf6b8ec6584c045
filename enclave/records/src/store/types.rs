//! What goes into the store and what comes out of it. No type here that holds a record has
//! `Debug`.

use std::path::PathBuf;
use std::sync::Arc;

use autoclave_base::Secret;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Document, Kind};

use super::Indexer;
use crate::keys::RootKeeper;

/// Where the records are, and under which keys.
pub struct Options {
    /// The engine.
    pub engine: Engine,
    /// The records key, which the broker releases to attested code.
    pub records: Secret<[u8; 32]>,
    /// Where the root of patients' keys is kept: outside the database.
    pub roots: Arc<dyn RootKeeper>,
    /// Makes the rows of the index.
    pub indexer: Arc<dyn Indexer>,
    /// How many may read at once.
    pub readers: usize,
}

/// A database.
pub enum Engine {
    /// One encrypted file.
    Sqlite {
        /// Where.
        path: PathBuf,
        /// Whether there must be one.
        presence: Presence,
    },
    /// A `PostgreSQL` server.
    Postgres(PostgresSettings),
}

impl Engine {
    /// Whether there must be records.
    pub(super) const fn presence(&self) -> Presence {
        match self {
            Self::Sqlite { presence, .. } => *presence,
            Self::Postgres(settings) => settings.presence,
        }
    }
}

/// Whether records were kept here before, as the enclave's sealed state remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The first start: they may be created.
    Unknown,
    /// There were some, so there must be some now.
    Expected,
}

/// Where a `PostgreSQL` database is.
#[derive(Clone)]
pub struct PostgresSettings {
    /// The server's address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// As whom.
    pub user: String,
    /// The user's password, where one is asked for.
    pub password: Option<Secret<String>>,
    /// Whether records must be there already.
    pub presence: Presence,
}

/// How a version came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By the first put, or the first after a delete.
    Create,
    /// By a put over another version.
    Update,
    /// By a delete: there is no document.
    Delete,
}

/// A version of a resource.
#[derive(Clone)]
pub struct Stored {
    /// Its place in the order of storing; the same for all versions.
    pub row: i64,
    /// [`autoclave_search::Blind::reference`] of type and id.
    pub key: i64,
    /// Its type.
    pub kind: Kind,
    /// Its logical id.
    pub id: String,
    /// Which version.
    pub version: u32,
    /// When it was stored, in milliseconds since 1970.
    pub updated: i64,
    /// The key of the patient under whose key it is sealed; `None` for the institution's.
    pub owner: Option<i64>,
    /// What was stored, with id, version and time set; `None` where it was deleted.
    pub document: Option<Document>,
    /// How it came to be.
    pub how: How,
}

/// A resource to store under an id.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// Its logical id.
    pub id: &'a str,
    /// The version that must be there: 0 for none (or a deleted one); `None` takes any.
    pub expected: Option<u32>,
    /// The resource. `id`, `meta.versionId` and `meta.lastUpdated` are set by the store.
    pub document: &'a Document,
    /// Its tree.
    pub node: &'a Node<'a>,
    /// Now, in milliseconds since 1970.
    pub updated: i64,
}

/// A match of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its place in the order of storing.
    pub row: i64,
    /// [`autoclave_search::Blind::reference`] of type and id.
    pub key: i64,
}

/// Patients whose records the asker must not meet: neither as matches, nor on the way of a
/// chain or `_has`, nor in counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Their keys.
    pub owners: Vec<i64>,
    /// Keys of patients of whom some resources may be met: as matches, which are opened and
    /// decided one by one, but not on the way of a chain or `_has`, where nobody opens them.
    pub partly: Vec<i64>,
}

impl Hidden {
    /// Nobody is hidden.
    pub const NOBODY: Self = Self { owners: Vec::new(), partly: Vec::new() };
}

/// Whose history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    System,
    /// One type.
    Type(Kind),
    /// One resource, by its key.
    Instance(i64),
}

/// Which part of a history, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// Whose.
    pub scope: Scope,
    /// Only versions stored at or after this time (`_since`).
    pub since: Option<i64>,
    /// Only versions that were the newest at some time between these, both included (`_at`).
    pub at: Option<(i64, i64)>,
    /// Behind this one.
    pub before: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

/// A place in a history: that of a version already seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// [`Stored::updated`]
    pub updated: i64,
    /// [`Stored::row`]
    pub row: i64,
    /// [`Stored::version`]
    pub version: u32,
}

impl Cursor {
    /// The place of a version.
    pub const fn of(stored: &Stored) -> Self {
        Self { updated: stored.updated, row: stored.row, version: stored.version }
    }
}

/// Which part of a patient's compartment, in the order of storing.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The patient's key.
    pub patient: i64,
    /// Only these types; none for all.
    pub kinds: &'a [Kind],
    /// Only what changed at or after this time.
    pub since: Option<i64>,
    /// Behind this row; 0 for the first.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}
