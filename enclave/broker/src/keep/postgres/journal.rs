//! What shows that a database went back: one sealed row with the number of changes and a
//! digest over all records, moved on by each change in its own transaction. The store's. A
//! replica compares it with the records and with its own memory before it uses either.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::Secret;
use autoclave_cell::{Cell, Entropy, event};
use autoclave_seal::{file, kdf};
use tokio_postgres::{Client, Transaction};

use super::{Change, DatabaseError};
use crate::keep::KeepError;

/// The row.
const ROW: &str = "journal";
/// What it is sealed for.
const CONTEXT: &str = "keep:journal";
/// Where the state remembers the last count.
const REMEMBERED: &str = "keep:journal";
/// Bytes of a count.
const COUNT_BYTES: usize = 8;
/// Bytes of a digest over records.
const SUM_BYTES: usize = 32;

/// Where the journal stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    count: u64,
    /// The sum, bit by bit, of a keyed digest of each record.
    sum: [u8; SUM_BYTES],
}

/// The journal, and this replica's memory of it.
pub(super) struct Journal {
    cell: Arc<Cell>,
    key: Secret<[u8; 32]>,
    remembering: Mutex<()>,
}

impl Journal {
    pub(super) const fn new(cell: Arc<Cell>, key: Secret<[u8; 32]>) -> Self {
        Self { cell, key, remembering: Mutex::new(()) }
    }

    /// Compares the database with itself and with what this replica saw last.
    pub(super) async fn check(&self, client: &mut Client) -> Result<(), DatabaseError> {
        let transaction = client.transaction().await?;
        self.begin(&transaction).await?;
        Self::lock(&transaction).await.map_err(why)?;
        let standing = self.read(&transaction).await.map_err(why)?;
        let mut sum = [0; SUM_BYTES];
        let all = "SELECT name, version, sealed FROM autoclave_records";
        for row in transaction.query(all, &[]).await? {
            let (name, version, sealed): (Vec<u8>, i64, Vec<u8>) =
                (row.get(0), row.get(1), row.get(2));
            add(&mut sum, &self.digest(&name, version.unsigned_abs(), &sealed));
        }
        transaction.commit().await?;
        if sum != standing.sum || standing.count < self.remembered() {
            return Err(DatabaseError::RolledBack);
        }
        self.note(standing.count)?;
        Ok(())
    }

    /// An empty journal for an empty database, and for no other: a row that was taken away
    /// is not replaced.
    async fn begin(&self, transaction: &Transaction<'_>) -> Result<(), DatabaseError> {
        let fresh = self.seal(Standing::default()).ok_or(DatabaseError::RolledBack)?;
        let insert = "INSERT INTO autoclave_meta (name, value) SELECT $1::text, $2::bytea \
            WHERE NOT EXISTS (SELECT 1 FROM autoclave_records) ON CONFLICT DO NOTHING";
        transaction.execute(insert, &[&ROW, &fresh]).await?;
        Ok(())
    }

    /// Makes changes wait for one another.
    pub(super) async fn lock(transaction: &Transaction<'_>) -> Result<(), KeepError> {
        let lock = "SELECT 1 FROM autoclave_meta WHERE name = $1 FOR UPDATE";
        let row = transaction.query_opt(lock, &[&ROW]).await;
        row.map_err(|_| KeepError::Unavailable)?.map(drop).ok_or(KeepError::Damaged)
    }

    /// Notes a change that was made in the same transaction: what was there before goes out
    /// of the sum, what is there now comes in.
    pub(super) async fn advance(
        &self,
        transaction: &Transaction<'_>,
        change: &Change<'_>,
        version: u64,
        before: Option<[u8; SUM_BYTES]>,
    ) -> Result<u64, KeepError> {
        let mut standing = self.read(transaction).await?;
        standing.count = standing.count.checked_add(1).ok_or(KeepError::Full)?;
        if let Some(before) = before {
            add(&mut standing.sum, &before);
        }
        add(&mut standing.sum, &self.digest(&change.name, version, change.sealed));
        let sealed = self.seal(standing).ok_or(KeepError::TooLarge)?;
        let update = "UPDATE autoclave_meta SET value = $2 WHERE name = $1";
        let done = transaction.execute(update, &[&ROW, &sealed]).await;
        match done.map_err(|_| KeepError::Unavailable)? {
            1 => Ok(standing.count),
            _ => Err(KeepError::Damaged),
        }
    }

    /// Remembers how far the journal was, for the next start.
    pub(super) fn remember(&self, count: u64) {
        if let Err(error) = self.note(count) {
            // The change is durable all the same; only a rollback before the next one that
            // is remembered would pass unnoticed.
            event!(WARN, "keep.not_remembered", reason = error.code());
        }
    }

    /// The digest of a record, to take it out of the sum or to put it in.
    pub(super) fn digest(&self, name: &[u8], version: u64, sealed: &[u8]) -> [u8; SUM_BYTES] {
        let digest = autoclave_base::Digest::of_parts(&[name, &version.to_be_bytes(), sealed]);
        *kdf::derive(self.key.expose(), &format!("record:{}", digest.hex())).expose()
    }

    fn note(&self, count: u64) -> Result<(), autoclave_cell::StateError> {
        let _alone = self.remembering.lock().unwrap_or_else(PoisonError::into_inner);
        if count <= self.remembered() {
            return Ok(());
        }
        self.cell.state().put(REMEMBERED, &count.to_be_bytes())
    }

    fn remembered(&self) -> u64 {
        let bytes = self.cell.state().get(REMEMBERED);
        let bytes = bytes.and_then(|bytes| bytes.expose().as_slice().try_into().ok());
        bytes.map_or(0, u64::from_be_bytes)
    }

    async fn read(&self, transaction: &Transaction<'_>) -> Result<Standing, KeepError> {
        let query = "SELECT value FROM autoclave_meta WHERE name = $1";
        let row = transaction.query_opt(query, &[&ROW]).await;
        let row = row.map_err(|_| KeepError::Unavailable)?.ok_or(KeepError::Damaged)?;
        let sealed: Vec<u8> = row.get(0);
        let open = file::open_bytes(&self.key, CONTEXT, &sealed).map_err(|_| KeepError::Damaged)?;
        let (count, sum) = open.split_first_chunk::<COUNT_BYTES>().ok_or(KeepError::Damaged)?;
        let sum = sum.try_into().map_err(|_| KeepError::Damaged)?;
        Ok(Standing { count: u64::from_be_bytes(*count), sum })
    }

    fn seal(&self, standing: Standing) -> Option<Vec<u8>> {
        let open = [&standing.count.to_be_bytes()[..], &standing.sum].concat();
        file::seal_bytes(&mut Entropy, &self.key, CONTEXT, &open).ok()
    }
}

/// A journal that is not there, or that does not open, was taken away.
fn why(error: KeepError) -> DatabaseError {
    match error {
        KeepError::Damaged => DatabaseError::RolledBack,
        _ => DatabaseError::Unavailable(None),
    }
}

fn add(sum: &mut [u8; SUM_BYTES], digest: &[u8; SUM_BYTES]) {
    sum.iter_mut().zip(digest).for_each(|(sum, digest)| *sum ^= digest);
}
