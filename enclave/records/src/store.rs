//! The records on disk: every resource sealed under its patient's key, found by keyed terms.
//! The hospital's. It knows databases and keys, and of FHIR only types and documents; it
//! decides nothing about who may read. Calls block; handlers make them off the runtime.

mod backup;
mod blobs;
mod change;
mod codec;
mod erase;
mod error;
mod history;
mod index;
mod indexer;
mod open;
mod plan;
mod pool;
mod postgres;
mod reindex;
mod schema;
mod search;
mod sql;
mod sqlite;
mod types;
mod vault;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use backup::{Drill, Manifest, Restored};
pub use blobs::{Blob, PART_BYTES_MAX};
pub use change::Change;
pub use error::StoreError;
pub use indexer::{FhirIndexer, Indexer};
pub use types::{
    Cursor, Engine, Hidden, Hit, How, Options, Part, Past, PostgresSettings, Presence, Put, Scope,
    Stored,
};
pub use view::View;

use std::sync::{Arc, Mutex, OnceLock};

use autoclave_cell::kept::Kept;
use autoclave_search::Blind;
use time::OffsetDateTime;

use crate::Tenant;
use crate::keys::RecordsKeys;
use codec::Codec;
use pool::Pool;
use vault::Vault;
use writer::Writer;

/// The open store. Copies of it are the same store.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

/// What all copies share.
pub(crate) struct Shared {
    keys: RecordsKeys,
    vault: Vault,
    indexer: Arc<dyn Indexer>,
    codec: Codec,
    readers: Pool,
    writer: Writer,
    /// Told of every change; the ledger is, through it.
    kept: OnceLock<Kept>,
    /// One erasing at a time.
    erasing: Mutex<()>,
}

impl Store {
    /// Makes the terms of this store's index.
    pub fn blind(&self) -> &Blind {
        &self.0.keys.blind
    }

    /// How many changes there were: counted inside, so that an older copy has fewer.
    pub fn serial(&self) -> Result<u64, StoreError> {
        let mut lent = self.0.readers.snapshot()?;
        let serial = sql::number(&mut *lent, "SELECT serial FROM changes WHERE one = 1", &[])?;
        u64::try_from(serial).map_err(|_| StoreError::Malformed)
    }

    /// Has every further change told.
    pub fn keep(&self, kept: Kept) {
        let _already = self.0.kept.set(kept);
    }

    /// Reads in one snapshot.
    pub fn read<T, E: From<StoreError>>(
        &self,
        tenant: Tenant,
        work: impl FnOnce(&mut View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // Before the snapshot: a key that is destroyed meanwhile is not remembered.
        let epoch = self.0.vault.epoch();
        let mut lent = self.0.readers.snapshot()?;
        let mut view = View::new(&self.0, tenant, &mut *lent, false);
        view.epoch = epoch;
        work(&mut view)
    }

    /// Changes all or nothing: durable when it returns. Changes that come together share one
    /// commit. `work` must not change through the store itself: it would wait for its own end.
    pub fn change<T, E: From<StoreError>>(
        &self,
        tenant: Tenant,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let shared = &*self.0;
        let (value, serial) = shared.writer.change(|sql, counters| {
            let mut change = Change::new(View::new(shared, tenant, sql, true), counters);
            let value = work(&mut change)?;
            change.flush()?;
            Ok::<T, E>(value)
        })?;
        shared.tell(serial);
        Ok(value)
    }
}

impl Shared {
    /// Tells the ledger, through its keeper, how many changes there were.
    fn tell(&self, serial: i64) {
        if let (Some(kept), Ok(serial)) = (self.kept.get(), u64::try_from(serial)) {
            kept.changed(serial);
        }
    }
}

/// A time as FHIR writes an instant.
fn instant(milliseconds: i64) -> Result<String, StoreError> {
    let nanoseconds = i128::from(milliseconds) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    let time = time.map_err(|_| StoreError::TooLarge)?;
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    let month = u8::from(month);
    Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}
