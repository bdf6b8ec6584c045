//! Making the index anew, when the program finds other rows in the same resources than the one
//! that wrote them. The store's. All or nothing: until it is done the old index stands.

use super::change::Change;
use super::sql::{Value, all, number};
use super::view::View;
use super::{Store, StoreError};
use crate::Tenant;

/// Resources between two writes.
const STEP: i64 = 500;

/// What is made anew.
const TABLES: [&str; 4] = ["term", "span", "link", "compartment"];

impl Store {
    /// Makes the index anew where it is another program's. Answers how many resources it was
    /// made of; 0 where nothing had to be done.
    pub(super) fn keep_index_current(&self) -> Result<u64, StoreError> {
        let wanted = i64::from(self.0.indexer.version());
        let found = self
            .0
            .writer
            .alone(|sql| number(sql, "SELECT indexer FROM changes WHERE one = 1", &[]))?;
        if found == wanted { Ok(0) } else { self.reindex() }
    }

    /// Makes the index anew from the resources themselves.
    pub fn reindex(&self) -> Result<u64, StoreError> {
        let shared = &*self.0;
        let tenants = shared
            .writer
            .alone(|sql| all(sql, "SELECT DISTINCT tenant FROM bucket", &[], |row| row.int(0)))?;
        let (resources, serial) = shared.writer.change(|sql, counters| {
            sql.unbounded(true)?;
            let mut resources = 0;
            for tenant in tenants {
                let tenant = Tenant(u16::try_from(tenant).map_err(|_| StoreError::Malformed)?);
                let mut change = Change::new(View::new(shared, tenant, sql, true), counters);
                resources += change.index_anew()?;
            }
            let version = Value::Int(i64::from(shared.indexer.version()));
            sql.execute("UPDATE changes SET indexer = ?1 WHERE one = 1", &[version])?;
            sql.unbounded(false)?;
            Ok::<_, StoreError>(resources)
        })?;
        shared.tell(serial);
        Ok(resources)
    }
}

impl Change<'_> {
    fn index_anew(&mut self) -> Result<u64, StoreError> {
        for table in TABLES {
            let gone = format!("DELETE FROM {table} WHERE tenant = ?1");
            let tenant = self.tenant_value();
            self.sql.execute(&gone, &[tenant])?;
        }
        let (mut after, mut resources) = (0, 0);
        loop {
            let next = "SELECT row FROM resource WHERE tenant = ?1 AND row > ?2 AND how <> 2
                 ORDER BY row LIMIT ?3";
            let values = [self.tenant_value(), Value::Int(after), Value::Int(STEP)];
            let rows = all(self.sql, next, &values, |row| row.int(0))?;
            let Some(last) = rows.last() else { return Ok(resources) };
            after = *last;
            for row in rows {
                match self.index_row(row) {
                    // One that was altered is not found any more; everybody else's are.
                    Ok(()) | Err(StoreError::Sealed | StoreError::Malformed) => resources += 1,
                    Err(error) => return Err(error),
                }
            }
            self.flush()?;
        }
    }

    fn index_row(&mut self, row: i64) -> Result<(), StoreError> {
        for stored in self.open(&[row])? {
            let document = stored.document.ok_or(StoreError::Malformed)?;
            let node = document.node().map_err(|_| StoreError::Malformed)?;
            self.gather(stored.row, stored.kind, &stored.id, &node);
        }
        Ok(())
    }
}
