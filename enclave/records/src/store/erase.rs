//! Erasing a patient: the key is destroyed, and with it every copy of the patient's records
//! that there ever was. The store's. The key's bucket gets a new key and every bucket a new
//! root; the old root goes only when the database has the new one, so that no crash between
//! the two loses anybody else's records.

use autoclave_cell::Entropy;
use autoclave_fhir::Kind;

use super::change::Change;
use super::sql::{Value, all, number};
use super::vault::Vault;
use super::view::View;
use super::{Store, StoreError};
use crate::Tenant;
use crate::keys::{Root, Roots};

/// What every table of records loses of one resource.
const OF_ROW: [&str; 3] = [
    "DELETE FROM resource WHERE tenant = ?1 AND row = ?2",
    "DELETE FROM body WHERE tenant = ?1 AND row = ?2",
    "DELETE FROM version WHERE tenant = ?1 AND row = ?2",
];

/// What every table of records loses of one patient.
const OF_PATIENT: [&str; 4] = [
    "DELETE FROM version WHERE tenant = ?1 AND owner = ?2",
    "DELETE FROM compartment WHERE tenant = ?1 AND patient = ?2",
    "DELETE FROM part WHERE tenant = ?1 AND blob IN
        (SELECT blob FROM blob WHERE tenant = ?1 AND owner = ?2)",
    "DELETE FROM blob WHERE tenant = ?1 AND owner = ?2",
];

impl Store {
    /// Destroys a patient's key and whatever was sealed under it: records, their history, their
    /// rows of the index, images. What others' records say of the patient stays. Answers how
    /// many resources there were. A patient who was erased stays so.
    pub fn erase(&self, tenant: Tenant, patient: &str) -> Result<u64, StoreError> {
        let shared = &*self.0;
        let _alone = shared.erasing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let patient = shared.keys.blind.reference(Kind::known("Patient"), patient);
        let used = shared
            .writer
            .alone(|sql| number(sql, "SELECT root FROM changes WHERE one = 1", &[]))?;
        let old = shared.vault.root(used)?;
        let new = Root::new(old.number + 1, &mut Entropy);
        shared.vault.set_roots(Roots::new(vec![old.clone(), new.clone()]))?;
        let erased = shared.writer.change(|sql, counters| {
            let number = i64::try_from(new.number).map_err(|_| StoreError::Malformed)?;
            counters.root = number;
            let view = View::new(shared, tenant, sql, true);
            let mut change = Change::new(view, counters);
            let resources = change.remove_all_of(patient)?;
            Vault::destroy(change.sql, tenant, patient, (&old, &new))?;
            let root = "UPDATE changes SET root = ?1 WHERE one = 1";
            change.sql.execute(root, &[Value::Int(number)])?;
            Ok::<_, StoreError>(resources)
        });
        self.settle(erased, old, new)
    }

    /// One root stays: which one, the database says.
    fn settle(
        &self,
        erased: Result<(u64, i64), StoreError>,
        old: Root,
        new: Root,
    ) -> Result<u64, StoreError> {
        let shared = &*self.0;
        shared.vault.forget();
        match erased {
            Ok((resources, serial)) => {
                // Snapshots from before it still need the old root.
                shared.readers.wait_quiet();
                shared.vault.set_roots(Roots::new(vec![new]))?;
                shared.tell(serial);
                shared.writer.alone(|sql| sql.tidy())?;
                Ok(resources)
            }
            // Whether it happened is not known: both stay until the next start.
            Err(StoreError::Unavailable) => Err(StoreError::Unavailable),
            Err(error) => {
                shared.vault.set_roots(Roots::new(vec![old]))?;
                Err(error)
            }
        }
    }
}

impl Change<'_> {
    /// Takes everything that is sealed under a patient's key out of the tables.
    fn remove_all_of(&mut self, patient: i64) -> Result<u64, StoreError> {
        let of = [self.tenant_value(), Value::Int(patient)];
        // The living are in the compartment, the deleted have older versions.
        let rows = "SELECT r.row, r.key, r.how FROM resource r WHERE r.tenant = ?1
             AND r.owner = ?2 AND r.row IN (
                 SELECT c.row FROM compartment c WHERE c.tenant = ?1 AND c.patient = ?2
                 UNION SELECT v.row FROM version v WHERE v.tenant = ?1 AND v.owner = ?2)";
        let rows = all(self.sql, rows, &of, |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))?;
        let count = rows.len() as u64;
        for (row, key, how) in rows {
            if how != 2 {
                self.unindex_erased(row, key)?;
            }
            for statement in OF_ROW {
                let values = [self.tenant_value(), Value::Int(row)];
                self.sql.execute(statement, &values)?;
            }
        }
        for statement in OF_PATIENT {
            self.sql.execute(statement, &of)?;
        }
        let none = "INSERT INTO patient_key (tenant, patient, bucket, wrapped)
             VALUES (?1, ?2, 0, ?3) ON CONFLICT DO NOTHING";
        let [tenant, patient] = of;
        // Somebody of whom nothing is here is erased as well: nothing will be.
        self.sql.execute(none, &[tenant, patient, Value::Bytes(&[])])?;
        Ok(count)
    }

    /// Takes a resource out of the index; one that does not open, by going through all of it.
    fn unindex_erased(&mut self, row: i64, key: i64) -> Result<(), StoreError> {
        if self.unindex_by_key(key).is_ok() {
            return Ok(());
        }
        for table in ["term", "span", "link", "compartment"] {
            let gone = format!("DELETE FROM {table} WHERE tenant = ?1 AND row = ?2");
            let values = [self.tenant_value(), Value::Int(row)];
            self.sql.execute(&gone, &values)?;
        }
        Ok(())
    }
}
