//! The drill: a backup is restored somewhere else, and everything in it is opened. The
//! store's. Only what was restored once is a backup.

use std::collections::BTreeMap;
use std::path::Path;

use super::read::Restored;
use crate::Tenant;
use crate::store::sql::{Value, all};
use crate::store::{Options, Store, StoreError};

/// Resources that are opened between two questions.
const STEP: i64 = 500;

/// What a drill found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// What came back.
    pub restored: Restored,
    /// Living resources of each institution and type, as they are there again.
    pub counts: BTreeMap<String, u64>,
    /// Resources that were opened, one by one; one that did not open is an error instead.
    pub opened: u64,
    /// Whether the backup's ledger head is the one that was expected.
    pub is_head_known: bool,
}

impl Drill {
    /// Whether everything is there that the backup says, nobody having been erased since.
    pub fn is_whole(&self) -> bool {
        self.restored.erased == 0 && self.counts == self.restored.manifest.counts
    }
}

impl Store {
    /// Restores a backup into an empty database and opens everything in it; `head` is a head
    /// of the ledger that the backup should have.
    pub fn drill(options: Options, folder: &Path, head: Option<&str>) -> Result<Drill, StoreError> {
        let restored = Self::restore(&options, folder, 0)?;
        let store = Self::open(options)?;
        let (mut counts, mut opened) = (BTreeMap::new(), 0);
        let groups = store.0.writer.alone(|sql| {
            let groups = "SELECT tenant, kind, count(*) FROM resource WHERE how <> 2
                 GROUP BY tenant, kind";
            all(sql, groups, &[], |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))
        })?;
        for (tenant, kind, count) in groups {
            counts.insert(format!("{tenant}/{kind}"), count.unsigned_abs());
            let tenant = Tenant(u16::try_from(tenant).map_err(|_| StoreError::Malformed)?);
            opened += store.open_all(tenant, kind)?;
        }
        let is_head_known = restored.manifest.head.as_deref() == head;
        Ok(Drill { restored, counts, opened, is_head_known })
    }

    fn open_all(&self, tenant: Tenant, kind: i64) -> Result<u64, StoreError> {
        let (mut after, mut opened) = (0, 0);
        loop {
            let stored = self.read(tenant, |view| {
                let next = "SELECT row FROM resource WHERE tenant = ?1 AND kind = ?2
                     AND row > ?3 AND how <> 2 ORDER BY row LIMIT ?4";
                let values =
                    [view.tenant_value(), Value::Int(kind), Value::Int(after), Value::Int(STEP)];
                let rows = all(view.sql, next, &values, |row| row.int(0))?;
                view.open(&rows)
            })?;
            let Some(last) = stored.last() else { return Ok(opened) };
            (after, opened) = (last.row, opened + stored.len() as u64);
        }
    }
}
