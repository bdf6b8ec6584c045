//! Changing: new versions, and deletions that keep what was there. The store's. Nothing is
//! written that is not sealed, and no version is ever written over.

use std::ops::{Deref, DerefMut};

use autoclave_cell::Entropy;
use autoclave_fhir::json::Node;
use autoclave_fhir::{Kind, Stamp};

use super::codec::ID_BYTES_MAX;
use super::index::{Found, Pending};
use super::sql::{Value, first};
use super::vault::Held;
use super::view::{HEAD, Head, View, head};
use super::writer::Counters;
use super::{How, Put, StoreError, Stored, instant};
use crate::keys::DataKey;

/// A change under way: sees what it has changed itself.
pub struct Change<'a> {
    view: View<'a>,
    counters: &'a mut Counters,
}

impl<'a> Deref for Change<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

impl<'a> DerefMut for Change<'a> {
    fn deref_mut(&mut self) -> &mut View<'a> {
        &mut self.view
    }
}

impl<'a> Change<'a> {
    pub(super) const fn new(view: View<'a>, counters: &'a mut Counters) -> Self {
        Self { view, counters }
    }

    /// Stores a new version.
    pub fn put(&mut self, put: Put<'_>) -> Result<Stored, StoreError> {
        let kind = put.document.kind();
        let before = self.expect(kind, put.id, put.expected)?;
        let alive = before.filter(|before| before.how != How::Delete);
        let found = self.found(kind, put.id, put.node);
        let head = Head {
            row: before.map_or_else(|| self.next_row(), |before| before.row),
            key: self.shared.keys.blind.reference(kind, put.id),
            owner: found.patients.first().copied().unwrap_or(0),
            kind,
            version: next_version(before)?,
            updated: before.map_or(put.updated, |before| before.updated.max(put.updated)),
            how: if alive.is_some() { How::Update } else { How::Create },
        };
        let last_updated = instant(head.updated)?;
        let stamp = Stamp { id: put.id, version: head.version, last_updated: &last_updated };
        let document = put.document.stamped(stamp).map_err(|_| StoreError::Malformed)?;
        let body = self.seal(&head, put.id, Some(document.bytes()))?;
        let found = match (before, alive) {
            (Some(before), Some(_)) => self.unindex(&before, found)?,
            _ => found,
        };
        self.write(before, &head, &body)?;
        let indexer = self.view.shared.indexer.as_ref();
        self.view.pending.add(head.row, &found, indexer);
        if self.view.pending.is_full() {
            self.view.flush()?;
        }
        Ok(stored(&head, put.id, Some(document)))
    }

    /// Deletes a resource, which keeps its history; `None` where there is nothing to delete.
    pub fn delete(
        &mut self,
        kind: Kind,
        id: &str,
        expected: Option<u32>,
        updated: i64,
    ) -> Result<Option<Stored>, StoreError> {
        let before = self.expect(kind, id, expected)?;
        let Some(before) = before.filter(|before| before.how != How::Delete) else {
            return Ok(None);
        };
        let head = Head {
            version: next_version(Some(before))?,
            updated: before.updated.max(updated),
            how: How::Delete,
            ..before
        };
        let body = self.seal(&head, id, None)?;
        self.unindex(&before, Found::default())?;
        self.write(Some(before), &head, &body)?;
        Ok(Some(stored(&head, id, None)))
    }

    /// What is there by now, which must be what was expected.
    fn expect(
        &mut self,
        kind: Kind,
        id: &str,
        expected: Option<u32>,
    ) -> Result<Option<Head>, StoreError> {
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        let key = self.shared.keys.blind.reference(kind, id);
        let find = format!("SELECT {HEAD} FROM resource r WHERE r.tenant = ?1 AND r.key = ?2");
        let values = [self.tenant_value(), Value::Int(key)];
        let before = first(self.sql, &find, &values, head)?;
        if before.is_some_and(|before| before.kind != kind) {
            // Two keys of 64 bits met: never in practice, and never unnoticed.
            return Err(StoreError::Malformed);
        }
        let is_expected = match (expected, before) {
            (None, _) => true,
            (Some(0), before) => before.is_none_or(|before| before.how == How::Delete),
            (Some(expected), before) => before.is_some_and(|before| before.version == expected),
        };
        if is_expected { Ok(before) } else { Err(StoreError::Conflict) }
    }

    /// Gathers the rows of a resource that is there.
    pub(super) fn gather(&mut self, row: i64, kind: Kind, id: &str, node: &Node<'_>) {
        let found = self.found(kind, id, node);
        self.view.pending.add(row, &found, &*self.view.shared.indexer);
    }

    /// What a resource is found by.
    fn found(&self, kind: Kind, id: &str, node: &Node<'_>) -> Found {
        let blind = &self.shared.keys.blind;
        let patient = Kind::known("Patient");
        let mut patients = Vec::new();
        for id in self.shared.indexer.patients(kind, id, node) {
            let key = blind.reference(patient, &id);
            if !patients.contains(&key) {
                patients.push(key);
            }
        }
        Found { rows: self.shared.indexer.rows(kind, node, blind), patients }
    }

    /// Takes out of the index what the version before was found by and the new one is not;
    /// answers what the new one still lacks.
    fn unindex(&mut self, before: &Head, mut found: Found) -> Result<Found, StoreError> {
        self.view.flush()?;
        let old = self.newest(before.key)?.ok_or(StoreError::Malformed)?;
        let document = old.document.ok_or(StoreError::Malformed)?;
        let node = document.node().map_err(|_| StoreError::Malformed)?;
        let mut gone = self.found(old.kind, &old.id, &node);
        let (rows, patients) = (gone.rows.clone(), gone.patients.clone());
        gone.rows.retain(|row| !found.rows.contains(row));
        gone.patients.retain(|patient| !found.patients.contains(patient));
        found.rows.retain(|row| !rows.contains(row));
        found.patients.retain(|patient| !patients.contains(patient));
        let mut erased = Pending::default();
        erased.add(before.row, &gone, &*self.view.shared.indexer);
        erased.erase(self.view.sql, self.view.tenant)?;
        Ok(found)
    }

    /// Takes a resource that is alive out of the index.
    pub(super) fn unindex_by_key(&mut self, key: i64) -> Result<(), StoreError> {
        let find = format!("SELECT {HEAD} FROM resource r WHERE r.tenant = ?1 AND r.key = ?2");
        let values = [self.tenant_value(), Value::Int(key)];
        let before = first(self.sql, &find, &values, head)?.ok_or(StoreError::Malformed)?;
        self.unindex(&before, Found::default()).map(drop)
    }

    fn seal(
        &mut self,
        head: &Head,
        id: &str,
        document: Option<&[u8]>,
    ) -> Result<Vec<u8>, StoreError> {
        let packed = self.shared.codec.pack(id, document)?;
        let key = self.key_for(head.owner)?;
        Ok(key.seal(self.place(head), packed, &mut Entropy))
    }

    /// A patient's key, new where there is none.
    pub(super) fn key_for(&mut self, owner: i64) -> Result<DataKey, StoreError> {
        if let Some(key) = self.met.as_ref().and_then(|met| met.get(&owner)) {
            return Ok(key.clone());
        }
        let (vault, tenant) = (&self.view.shared.vault, self.view.tenant);
        let key = match vault.held(self.view.sql, tenant, owner)? {
            Held::Key(key) => key,
            Held::Erased => return Err(StoreError::Erased),
            Held::Nothing => vault.make(self.view.sql, tenant, owner, self.counters.root)?,
        };
        if let Some(met) = &mut self.met {
            met.insert(owner, key.clone());
        }
        Ok(key)
    }

    /// Writes a version, after moving the one before to where older ones are.
    fn write(&mut self, before: Option<Head>, head: &Head, body: &[u8]) -> Result<(), StoreError> {
        let tenant = self.tenant_value();
        if let Some(before) = before {
            let keep = "INSERT INTO version
                 (tenant, row, version, kind, key, owner, updated, ended, how, body)
                 SELECT r.tenant, r.row, r.version, r.kind, r.key, r.owner, r.updated, ?3, r.how,
                 b.body FROM resource r CROSS JOIN body b
                 WHERE r.tenant = ?1 AND r.row = ?2 AND b.tenant = ?1 AND b.row = ?2";
            let values = [tenant.clone(), Value::Int(before.row), Value::Int(head.updated)];
            self.sql.execute(keep, &values)?;
            let update = "UPDATE resource SET owner = ?3, version = ?4, updated = ?5, how = ?6
                 WHERE tenant = ?1 AND row = ?2";
            let [row, _, owner, _, version, updated, how] = cells(head);
            self.sql.execute(
                update,
                &[tenant.clone(), row.clone(), owner.clone(), version, updated, how],
            )?;
            let update = "UPDATE body SET owner = ?3, body = ?4 WHERE tenant = ?1 AND row = ?2";
            self.sql.execute(update, &[tenant, row, owner, Value::Bytes(body)])?;
            return Ok(());
        }
        let [row, key, owner, kind, version, updated, how] = cells(head);
        let insert = "INSERT INTO resource (tenant, row, key, owner, kind, version, updated, how)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = [tenant.clone(), row.clone(), key, owner.clone(), kind, version, updated, how];
        self.sql.execute(insert, &values)?;
        let insert = "INSERT INTO body (tenant, row, owner, body) VALUES (?1, ?2, ?3, ?4)";
        self.sql.execute(insert, &[tenant, row, owner, Value::Bytes(body)])?;
        Ok(())
    }

    pub(super) fn next_row(&mut self) -> i64 {
        let row = self.counters.next;
        self.counters.next += 1;
        row
    }
}

fn next_version(before: Option<Head>) -> Result<u32, StoreError> {
    before.map_or(0, |before| before.version).checked_add(1).ok_or(StoreError::TooLarge)
}

/// A head as its columns have it.
fn cells(head: &Head) -> [Value<'static>; 7] {
    let how = match head.how {
        How::Create => 0,
        How::Update => 1,
        How::Delete => 2,
    };
    [
        head.row,
        head.key,
        head.owner,
        i64::from(head.kind.number()),
        i64::from(head.version),
        head.updated,
        how,
    ]
    .map(Value::Int)
}

fn stored(head: &Head, id: &str, document: Option<autoclave_fhir::Document>) -> Stored {
    let Head { row, key, owner, kind, version, updated, how } = *head;
    let owner = (owner != 0).then_some(owner);
    Stored { row, key, kind, id: id.to_owned(), version, updated, owner, document, how }
}
