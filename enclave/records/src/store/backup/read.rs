//! Restoring: old bodies under the key table as it is now. The store's. Whoever was erased
//! since has no key any more, and is left out; everything else must be what the backup says
//! that it is, or nothing is restored.

use std::collections::HashSet;
use std::path::Path;

use autoclave_base::Secret;

use super::frames::{END, Reader};
use super::tables::{KEYS, RECORDS, RowOf, TableOf};
use super::{KEYS_FILE, Manifest, RECORDS_FILE, Tally};
use crate::keys::{RecordsKeys, Roots};
use crate::store::sql::{Sql, Value, number};
use crate::store::{Options, Store, StoreError, open, schema};

/// What a restore brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself; it was compared.
    pub manifest: Manifest,
    /// Resources that are there again.
    pub resources: u64,
    /// Resources of patients who were erased since.
    pub erased: u64,
}

impl Store {
    /// Fills an empty database from a backup. `after` is the number of changes that the ledger
    /// knows of, so that what was restored is not taken for an older copy.
    pub fn restore(options: &Options, folder: &Path, after: u64) -> Result<Restored, StoreError> {
        let keys = RecordsKeys::derive(&options.records);
        let (connect, _) = open::connections(&options.engine, &keys)?;
        let mut sql = connect()?;
        schema::up(&mut *sql)?;
        sql.unbounded(true)?;
        sql.begin_change()?;
        let done = fill(&mut *sql, options, &keys.manifests, folder, after);
        match &done {
            Ok(_) => sql.execute("COMMIT", &[])?,
            Err(_) => sql.execute("ROLLBACK", &[])?,
        };
        done
    }
}

fn fill(
    sql: &mut dyn Sql,
    options: &Options,
    secret: &Secret<[u8; 32]>,
    folder: &Path,
    after: u64,
) -> Result<Restored, StoreError> {
    let used = "SELECT count(*) FROM changes WHERE serial <> 0 OR root <> 0";
    if number(sql, used, &[])? != 0 {
        return Err(StoreError::Occupied);
    }
    let (root, known) = keys(sql, secret, folder)?;
    let wanted = u64::try_from(root).map_err(|_| StoreError::Malformed)?;
    // A key table from before the last erasing is of no use to anybody.
    let roots = Roots::load(&*options.roots)?.ok_or(StoreError::Root)?;
    roots.of(wanted).ok_or(StoreError::RolledBack)?;
    let mut sieve = Sieve { known, gone: HashSet::new(), tally: Tally::default() };
    let mut reader = Reader::open(&folder.join(RECORDS_FILE), secret)?;
    let manifest: Manifest = loop {
        let (table, rows) = reader.next()?;
        if table == END {
            break serde_json::from_slice(&rows).map_err(|_| StoreError::Malformed)?;
        }
        let table = RECORDS.get(usize::from(table)).ok_or(StoreError::Malformed)?;
        each(*table, &rows, &mut |row| {
            if sieve.passes(*table, &row) {
                sql.execute(&table.insert(), &row.values())?;
            }
            Ok(())
        })?;
    };
    let (counts, digest) = sieve.tally.finish();
    if (&counts, &digest) != (&manifest.counts, &manifest.digest) {
        return Err(StoreError::Malformed);
    }
    let serial =
        i64::try_from(manifest.serial.max(after) + 1).map_err(|_| StoreError::Malformed)?;
    let set = "UPDATE changes SET serial = ?1, next = ?2, root = ?3, indexer = ?4 WHERE one = 1";
    let values = [serial, manifest.next, root, manifest.indexer].map(Value::Int);
    sql.execute(set, &values)?;
    let resources = number(sql, "SELECT count(*) FROM resource", &[])?.unsigned_abs();
    Ok(Restored { manifest, resources, erased: sieve.gone.len() as u64 })
}

/// Puts the key table in its place; answers its root, and who has a key.
fn keys(
    sql: &mut dyn Sql,
    secret: &Secret<[u8; 32]>,
    folder: &Path,
) -> Result<(i64, HashSet<(i64, i64)>), StoreError> {
    let mut reader = Reader::open(&folder.join(KEYS_FILE), secret)?;
    let mut known = HashSet::new();
    loop {
        let (table, rows) = reader.next()?;
        if table == END {
            let root = rows.try_into().map_err(|_| StoreError::Malformed)?;
            return Ok((i64::from_be_bytes(root), known));
        }
        let table = KEYS.get(usize::from(table)).ok_or(StoreError::Malformed)?;
        each(*table, &rows, &mut |row| {
            if table.name == "patient_key" && !row.bytes[0].is_empty() {
                known.insert((row.ints[0], row.ints[1]));
            }
            sql.execute(&table.insert(), &row.values()).map(drop)
        })?;
    }
}

fn each(
    table: TableOf,
    mut rows: &[u8],
    done: &mut dyn FnMut(RowOf) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    while !rows.is_empty() {
        done(table.decode(&mut rows)?)?;
    }
    Ok(())
}

/// Lets through what somebody still has a key for.
struct Sieve {
    known: HashSet<(i64, i64)>,
    /// Institutions and rows of what is left out.
    gone: HashSet<(i64, i64)>,
    tally: Tally,
}

impl Sieve {
    fn passes(&mut self, table: TableOf, row: &RowOf) -> bool {
        let ints = &row.ints;
        match table.name {
            "resource" => {
                self.tally.add(ints[0], ints[2], ints[4], ints[5], ints[7] != 2);
                let passes = self.known.contains(&(ints[0], ints[3]));
                if !passes {
                    self.gone.insert((ints[0], ints[1]));
                }
                passes
            }
            "blob" | "part" => self.known.contains(&(ints[0], ints[2])),
            "version" | "body" | "compartment" => {
                self.known.contains(&(ints[0], ints[2])) && !self.gone.contains(&(ints[0], ints[1]))
            }
            _ => !self.gone.contains(&(ints[0], ints[1])),
        }
    }
}
