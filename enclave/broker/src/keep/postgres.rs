//! Records in a `PostgreSQL` database that replicas share. The database's administrator is
//! believed in nothing: names are keyed digests, records and their list are sealed, and a
//! database that went back to an earlier state is refused at the next start. No replica
//! trusts its own memory of a record; each asks the database.
//!
//! Every change is one transaction that also moves the *ledger of changes* on: a sealed
//! count of changes with a digest over all records. Each replica remembers the last count
//! that it saw, in its own sealed state.

mod connection;
mod journal;
mod tls;

#[cfg(test)]
pub(crate) mod database;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_base::{Secret, UnixTime, b64};
use autoclave_cell::{Cell, Entropy};
use autoclave_seal::{file, kdf};
use rand::Rng as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};
use zeroize::Zeroizing;

use super::{Answer, Keep, KeepError, RootKey, Stored};
use crate::storage::PostgresSettings;
use connection::Pool;
use journal::Journal;

/// What names in the list are sealed for.
const NAMES: &str = "keep:names";

/// One row in how many of taking an id clears out what has ended.
const CLEARING: u8 = 4;

/// Schema changes, in order; each is made once, in one transaction with its number.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE autoclave_records (
        name bytea PRIMARY KEY, label bytea NOT NULL, version bigint NOT NULL,
        sealed bytea NOT NULL);
    CREATE TABLE autoclave_once (
        id bytea PRIMARY KEY, until bigint NOT NULL);
    CREATE INDEX autoclave_once_until ON autoclave_once (until);
    CREATE TABLE autoclave_meta (
        name text PRIMARY KEY, value bytea NOT NULL);
"];

/// The advisory lock of whoever sets the database up: any number that nobody else takes.
const SETUP_LOCK: i64 = 0x6175_746f_636c_6176;

/// Why the database is not used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached, or refuses us.
    #[error("the database does not answer")]
    Unavailable(#[source] Option<tokio_postgres::Error>),
    /// A database elsewhere is reached by TLS only.
    #[error("a database on another machine needs `ca_file`")]
    NotLocal,
    /// A file that the configuration names cannot be read, or holds no certificate.
    #[error("a file that the configuration names cannot be read")]
    File,
    /// It was set up by a later program.
    #[error("the database is of a later version")]
    Later,
    /// What seals its names does not open under this root key.
    #[error("the database belongs to another root key")]
    Foreign,
    /// It is at an earlier state than this replica has seen, or was altered.
    #[error("the database is not at the state that it was left in")]
    RolledBack,
    /// The root key's place does not answer.
    #[error("the root key does not answer")]
    Root(#[source] KeepError),
    /// The state could not be written.
    #[error("the state could not be written")]
    State(#[from] autoclave_cell::StateError),
}

impl DatabaseError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "keep.unavailable",
            Self::NotLocal => "keep.not_local",
            Self::File => "keep.file",
            Self::Later => "keep.later",
            Self::Foreign => "keep.foreign",
            Self::RolledBack => "keep.rolled_back",
            Self::Root(error) => error.code(),
            Self::State(error) => error.code(),
        }
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(Some(error))
    }
}

/// The store.
pub struct Postgres {
    pool: Pool,
    names: Secret<[u8; 32]>,
    labels: Secret<[u8; 32]>,
    journal: Journal,
}

impl Postgres {
    /// Connects, sets the database up where it is not, and compares it with what this
    /// replica remembers.
    pub async fn open(
        cell: Arc<Cell>,
        settings: &PostgresSettings,
        root: Arc<dyn RootKey>,
    ) -> Result<Self, DatabaseError> {
        let pool = Pool::new(settings)?;
        let mut client = pool.take().await.map_err(|_| DatabaseError::Unavailable(None))?;
        migrate(&mut client).await?;
        let key = shared_key(&mut client, &*root).await?;
        let derived = |purpose: &str| kdf::derive(key.expose(), purpose);
        let (names, labels) = (derived("keep names"), derived("keep labels"));
        let journal = Journal::new(cell, derived("keep journal"));
        journal.check(&mut client).await?;
        pool.give_back(client);
        Ok(Self { pool, names, labels, journal })
    }

    /// The name as the database has it.
    fn place(&self, name: &str) -> Vec<u8> {
        kdf::derive(self.names.expose(), &format!("record:{name}")).expose().to_vec()
    }

    async fn read(&self, name: &str) -> Result<Option<Stored>, KeepError> {
        let client = self.pool.take().await?;
        let sought = self.place(name);
        let query = "SELECT version, sealed FROM autoclave_records WHERE name = $1";
        let row = client.query_opt(query, &[&sought]).await.map_err(|_| KeepError::Unavailable)?;
        self.pool.give_back(client);
        let Some(row) = row else { return Ok(None) };
        let version: i64 = row.get(0);
        let version = u64::try_from(version).map_err(|_| KeepError::Damaged)?;
        Ok(Some(Stored { version, sealed: row.get(1) }))
    }

    async fn write(
        &self,
        name: &str,
        expected: Option<u64>,
        sealed: &[u8],
    ) -> Result<u64, KeepError> {
        let label = file::seal_bytes(&mut Entropy, &self.labels, NAMES, name.as_bytes());
        let label = label.map_err(|_| KeepError::TooLarge)?;
        let change = Change { name: self.place(name), label, expected, sealed };
        let mut client = self.pool.take().await?;
        let transaction = client.transaction().await.map_err(|_| KeepError::Unavailable)?;
        let (version, before) = self.within(&transaction, &change).await?;
        let count = self.journal.advance(&transaction, &change, version, before).await?;
        transaction.commit().await.map_err(|_| KeepError::Unavailable)?;
        self.pool.give_back(client);
        self.journal.remember(count);
        Ok(version)
    }

    /// The change itself, and the digest of what was there before. The journal's row is
    /// locked first, so that changes come one after another.
    async fn within(
        &self,
        transaction: &Transaction<'_>,
        change: &Change<'_>,
    ) -> Result<(u64, Option<[u8; 32]>), KeepError> {
        let lost = |_| KeepError::Unavailable;
        Journal::lock(transaction).await?;
        let query = "SELECT version, sealed FROM autoclave_records WHERE name = $1";
        let row = transaction.query_opt(query, &[&change.name]).await.map_err(lost)?;
        let before = row.map(|row| (row.get::<_, i64>(0).unsigned_abs(), row.get::<_, Vec<u8>>(1)));
        if before.as_ref().map(|(version, _)| *version) != change.expected {
            return Err(KeepError::Conflict);
        }
        let version = change.expected.unwrap_or(0).checked_add(1).ok_or(KeepError::Full)?;
        let number = i64::try_from(version).map_err(|_| KeepError::Full)?;
        let put = "INSERT INTO autoclave_records (name, label, version, sealed) \
            VALUES ($1, $2, $3, $4) \
            ON CONFLICT (name) DO UPDATE SET version = $3, sealed = $4";
        let row: [&(dyn ToSql + Sync); 4] = [&change.name, &change.label, &number, &change.sealed];
        transaction.execute(put, &row).await.map_err(lost)?;
        let digest =
            |(version, sealed): (u64, Vec<u8>)| self.journal.digest(&change.name, version, &sealed);
        Ok((version, before.map(digest)))
    }

    async fn listed(&self, prefix: &str) -> Result<Vec<String>, KeepError> {
        let client = self.pool.take().await?;
        let rows = client.query("SELECT label FROM autoclave_records", &[]).await;
        let rows = rows.map_err(|_| KeepError::Unavailable)?;
        self.pool.give_back(client);
        let mut names = Vec::new();
        for row in rows {
            let label: Vec<u8> = row.get(0);
            let name = file::open_bytes(&self.labels, NAMES, &label);
            let name = name.ok().and_then(|name| String::from_utf8(name).ok());
            let name = name.ok_or(KeepError::Damaged)?;
            if name.starts_with(prefix) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    async fn take(
        &self,
        space: &str,
        id: &[u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, KeepError> {
        let seconds = |time: UnixTime| i64::try_from(time.seconds()).unwrap_or(i64::MAX);
        let name = format!("once:{space}:{}", b64::encode(id));
        let name = kdf::derive(self.names.expose(), &name).expose().to_vec();
        let client = self.pool.take().await?;
        let insert =
            "INSERT INTO autoclave_once (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let taken = client.execute(insert, &[&name, &seconds(until)]).await;
        let taken = taken.map_err(|_| KeepError::Unavailable)? == 1;
        if id[0] < u8::MAX / CLEARING {
            let clear = "DELETE FROM autoclave_once WHERE until < $1";
            let cleared = client.execute(clear, &[&seconds(now)]).await;
            cleared.map_err(|_| KeepError::Unavailable)?;
        }
        self.pool.give_back(client);
        Ok(taken)
    }
}

/// A change of one record.
struct Change<'a> {
    name: Vec<u8>,
    label: Vec<u8>,
    expected: Option<u64>,
    sealed: &'a [u8],
}

impl Keep for Postgres {
    fn get<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Stored>> {
        Box::pin(connection::in_time(self.read(name)))
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        expected: Option<u64>,
        sealed: &'a [u8],
    ) -> Answer<'a, u64> {
        Box::pin(connection::in_time(self.write(name, expected, sealed)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(connection::in_time(self.listed(prefix)))
    }

    fn take_once<'a>(
        &'a self,
        space: &'a str,
        id: &'a [u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, bool> {
        Box::pin(connection::in_time(self.take(space, id, until, now)))
    }
}

/// Brings the schema up to date; whoever comes first does it.
async fn migrate(client: &mut Client) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SETUP_LOCK]).await?;
    let begin = "CREATE TABLE IF NOT EXISTS autoclave_migrations (number bigint PRIMARY KEY)";
    transaction.batch_execute(begin).await?;
    let done = "SELECT coalesce(max(number), 0) FROM autoclave_migrations";
    let done: i64 = transaction.query_one(done, &[]).await?.get(0);
    let done = usize::try_from(done).map_err(|_| DatabaseError::Later)?;
    let todo = MIGRATIONS.get(done..).ok_or(DatabaseError::Later)?;
    for (number, migration) in (done + 1..).zip(todo) {
        transaction.batch_execute(migration).await?;
        let number = i64::try_from(number).map_err(|_| DatabaseError::Later)?;
        let note = "INSERT INTO autoclave_migrations (number) VALUES ($1)";
        transaction.execute(note, &[&number]).await?;
    }
    Ok(transaction.commit().await?)
}

/// The key of names, which all replicas share, wrapped under the root key.
async fn shared_key(
    client: &mut Client,
    root: &dyn RootKey,
) -> Result<Secret<[u8; 32]>, DatabaseError> {
    let mut fresh = Zeroizing::new([0; 32]);
    Entropy.fill_bytes(fresh.as_mut_slice());
    let wrapped = root.wrap(&Secret::new(*fresh)).await.map_err(DatabaseError::Root)?;
    let insert =
        "INSERT INTO autoclave_meta (name, value) VALUES ('key', $1) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&wrapped]).await?;
    let row = client.query_one("SELECT value FROM autoclave_meta WHERE name = 'key'", &[]).await?;
    let wrapped: Vec<u8> = row.get(0);
    root.unwrap(&wrapped).await.map_err(|error| match error {
        KeepError::Damaged => DatabaseError::Foreign,
        other => DatabaseError::Root(other),
    })
}
