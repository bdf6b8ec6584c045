//! Backups: everything in one snapshot, while others write; the same file for both engines.
//! The store's. Bodies are in it as they are, sealed; the key table is a file of its own, so
//! that after an erasing the old one can be thrown away and the records of everybody else
//! still come back. What a backup holds is said at its end, and compared when it is read.

mod drill;
mod frames;
mod read;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sql::{Sql, first};
use super::{Store, StoreError};
use autoclave_base::Digest;
pub use drill::Drill;
use frames::Writer;
pub use read::Restored;
use tables::{KEYS, RECORDS, TableOf};

/// The file with the records.
const RECORDS_FILE: &str = "records.backup";
/// The file with the key table.
const KEYS_FILE: &str = "keys.backup";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How many changes the store had counted.
    pub serial: u64,
    /// The ledger's head then, as the caller knew it.
    pub head: Option<String>,
    /// Living resources of each institution and type, by their numbers.
    pub counts: BTreeMap<String, u64>,
    /// Over all resources and their versions.
    pub digest: String,
    next: i64,
    indexer: i64,
}

impl Store {
    /// Writes a backup into a folder that is there; `head` is the ledger's. Others read and
    /// write meanwhile.
    pub fn backup(&self, folder: &Path, head: Option<String>) -> Result<Manifest, StoreError> {
        let mut lent = self.0.readers.snapshot()?;
        let written = self.write_backup(&mut *lent, folder, head);
        lent.unbounded(false)?;
        written
    }

    /// Writes the key table as it is now: to be put in the place of every backup's after an
    /// erasing, which makes the old ones useless.
    pub fn backup_keys(&self, folder: &Path) -> Result<(), StoreError> {
        let mut lent = self.0.readers.snapshot()?;
        self.write_keys(&mut *lent, folder)
    }

    fn write_backup(
        &self,
        sql: &mut dyn Sql,
        folder: &Path,
        head: Option<String>,
    ) -> Result<Manifest, StoreError> {
        let mut writer = Writer::create(&folder.join(RECORDS_FILE), &self.0.keys.manifests)?;
        let mut tally = Tally::default();
        for (number, table) in RECORDS.iter().enumerate() {
            write_table(sql, &mut writer, number, *table, &mut tally)?;
        }
        let now = "SELECT serial, next, indexer FROM changes WHERE one = 1";
        let now = first(sql, now, &[], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))?;
        let (serial, next, indexer) = now.ok_or(StoreError::Malformed)?;
        let serial = serial.unsigned_abs();
        let (counts, digest) = tally.finish();
        let manifest = Manifest { serial, head, counts, digest, next, indexer };
        let text = serde_json::to_vec(&manifest).map_err(|_| StoreError::Malformed)?;
        writer.finish(&text)?;
        self.write_keys(sql, folder)?;
        Ok(manifest)
    }

    fn write_keys(&self, sql: &mut dyn Sql, folder: &Path) -> Result<(), StoreError> {
        // Beside the old file first: a crash leaves one of the two whole.
        let (new, place) = (folder.join("keys.new"), folder.join(KEYS_FILE));
        let mut writer = Writer::create(&new, &self.0.keys.manifests)?;
        for (number, table) in KEYS.iter().enumerate() {
            write_table(sql, &mut writer, number, *table, &mut Tally::default())?;
        }
        let root = first(sql, "SELECT root FROM changes WHERE one = 1", &[], |row| row.int(0))?;
        writer.finish(&root.ok_or(StoreError::Malformed)?.to_be_bytes())?;
        std::fs::rename(&new, &place).map_err(|_| StoreError::Engine)
    }
}

fn write_table(
    sql: &mut dyn Sql,
    writer: &mut Writer,
    number: usize,
    table: TableOf,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let number = u8::try_from(number).map_err(|_| StoreError::Malformed)?;
    writer.table(number);
    sql.unbounded(true)?;
    sql.stream(&table.select(), &mut |row| {
        if table.name == "resource" {
            tally.add(row.int(0)?, row.int(2)?, row.int(4)?, row.int(5)?, row.int(7)? != 2);
        }
        table.encode(row, writer.room())?;
        writer.row()
    })?;
    writer.flush()
}

/// Counts, and the digest, as rows go by; their order makes no difference.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, u64>,
    sum: [u8; 32],
}

impl Tally {
    fn add(&mut self, tenant: i64, key: i64, kind: i64, version: i64, is_alive: bool) {
        let cells = [tenant, key, version].map(i64::to_be_bytes);
        let digest = Digest::of_parts(&[&cells[0], &cells[1], &cells[2]]);
        self.sum.iter_mut().zip(digest.bytes()).for_each(|(sum, byte)| *sum ^= byte);
        if is_alive {
            *self.counts.entry(format!("{tenant}/{kind}")).or_default() += 1;
        }
    }

    fn finish(self) -> (BTreeMap<String, u64>, String) {
        (self.counts, Digest::from_bytes(self.sum).hex())
    }
}
