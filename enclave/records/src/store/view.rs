//! One snapshot of one institution's records: what is there, opened. The store's. A body that
//! was altered, or that stands elsewhere than where it was written, is an error.

use std::collections::HashMap;

use autoclave_fhir::{Document, Kind};

use super::codec::ID_BYTES_MAX;
use super::index::Pending;
use super::sql::{Cells, Sql, Value, all, first};
use super::vault::Held;
use super::{How, Part, Shared, StoreError, Stored};
use crate::Tenant;
use crate::keys::{DataKey, Place};

/// What the table `resource` has, in the order of [`head`].
pub(super) const HEAD: &str = "r.row, r.key, r.owner, r.kind, r.version, r.updated, r.how";

/// Resources that are asked for in one statement.
const OPENED_AT_ONCE: usize = 500;

/// One snapshot of one institution's records.
pub struct View<'a> {
    pub(super) shared: &'a Shared,
    pub(super) tenant: Tenant,
    pub(super) sql: &'a mut dyn Sql,
    /// Rows of the index that a change has not written yet.
    pub(super) pending: Pending,
    /// Keys that a change has met: those of others are not trusted while it runs.
    pub(super) met: Option<HashMap<i64, DataKey>>,
    pub(super) epoch: u64,
}

/// What is known of a version without opening it.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) row: i64,
    pub(super) key: i64,
    pub(super) owner: i64,
    pub(super) kind: Kind,
    pub(super) version: u32,
    pub(super) updated: i64,
    pub(super) how: How,
}

impl<'a> View<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        tenant: Tenant,
        sql: &'a mut dyn Sql,
        changes: bool,
    ) -> Self {
        let epoch = shared.vault.epoch();
        let met = changes.then(HashMap::new);
        Self { shared, tenant, sql, pending: Pending::default(), met, epoch }
    }

    /// The newest version, deleted or not; `None` where there never was one.
    pub fn get(&mut self, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
        if id.len() > ID_BYTES_MAX {
            return Ok(None);
        }
        self.newest(self.shared.keys.blind.reference(kind, id))
    }

    /// One version.
    pub fn version(
        &mut self,
        kind: Kind,
        id: &str,
        version: u32,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(newest) = self.get(kind, id)? else { return Ok(None) };
        if newest.version == version {
            return Ok(Some(newest));
        }
        self.older(newest.row, version)
    }

    /// The newest versions of these rows, in this order; deleted ones are left out.
    pub fn open(&mut self, rows: &[i64]) -> Result<Vec<Stored>, StoreError> {
        self.open_by("row", rows, |stored| stored.row)
    }

    /// The newest versions by key, in this order; unknown and deleted ones are left out.
    pub fn by_keys(&mut self, keys: &[i64]) -> Result<Vec<Stored>, StoreError> {
        self.open_by("key", keys, |stored| stored.key)
    }

    /// One question for all of them: the way to a server is longer than the work there.
    fn open_by(
        &mut self,
        column: &str,
        wanted: &[i64],
        of: fn(&Stored) -> i64,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut found = HashMap::with_capacity(wanted.len());
        for wanted in wanted.chunks(OPENED_AT_ONCE) {
            // The list leads: the engine would rather read the whole table.
            let list = self.sql.dialect().table(2, "w");
            let find = format!(
                "SELECT {HEAD}, b.body FROM {list} CROSS JOIN resource r CROSS JOIN body b
                 WHERE r.tenant = ?1 AND r.{column} = w.value AND r.how <> 2
                 AND b.tenant = ?1 AND b.row = r.row"
            );
            let values = [self.tenant_value(), Value::Ints(wanted.to_vec())];
            let sealed = all(self.sql, &find, &values, |row| Ok((head(row)?, row.bytes(7)?)))?;
            for (head, body) in sealed {
                let stored = self.unseal(head, body)?;
                found.insert(of(&stored), stored);
            }
        }
        // What is asked for twice is answered once.
        Ok(wanted.iter().filter_map(|wanted| found.remove(wanted)).collect())
    }

    /// Part of a patient's compartment.
    pub fn compartment(&mut self, part: &Part<'_>) -> Result<Vec<Stored>, StoreError> {
        self.flush()?;
        let kinds = part.kinds.iter().map(|kind| i64::from(kind.number())).collect();
        let of_kinds = match part.kinds {
            [] => "?6 = ?6".to_owned(),
            _ => format!("r.kind IN ({})", self.sql.dialect().list(6)),
        };
        let find = format!(
            "SELECT {HEAD}, b.body FROM compartment c CROSS JOIN resource r CROSS JOIN body b
             WHERE c.tenant = ?1 AND c.patient = ?2 AND c.row > ?3 AND r.tenant = ?1
             AND r.row = c.row AND r.updated >= ?4 AND b.tenant = ?1 AND b.row = c.row
             AND {of_kinds} ORDER BY c.row LIMIT ?5"
        );
        let kinds = if part.kinds.is_empty() { Value::Int(0) } else { Value::Ints(kinds) };
        let values = [
            self.tenant_value(),
            Value::Int(part.patient),
            Value::Int(part.after),
            Value::Int(part.since.unwrap_or(i64::MIN)),
            Value::Int(i64::from(part.limit)),
            kinds,
        ];
        let found = all(self.sql, &find, &values, |row| Ok((head(row)?, row.bytes(7)?)))?;
        found.into_iter().map(|(head, body)| self.unseal(head, body)).collect()
    }

    /// The newest version by key.
    pub(super) fn newest(&mut self, key: i64) -> Result<Option<Stored>, StoreError> {
        let find = format!(
            "SELECT {HEAD}, b.body FROM resource r CROSS JOIN body b
             WHERE r.tenant = ?1 AND r.key = ?2 AND b.tenant = ?1 AND b.row = r.row"
        );
        let values = [self.tenant_value(), Value::Int(key)];
        let found = first(self.sql, &find, &values, |row| Ok((head(row)?, row.bytes(7)?)))?;
        found.map(|(head, body)| self.unseal(head, body)).transpose()
    }

    /// A version that is not the newest.
    pub(super) fn older(&mut self, row: i64, version: u32) -> Result<Option<Stored>, StoreError> {
        let find = format!(
            "SELECT {HEAD}, r.body FROM version r
             WHERE r.tenant = ?1 AND r.row = ?2 AND r.version = ?3"
        );
        let values = [self.tenant_value(), Value::Int(row), Value::Int(i64::from(version))];
        let found = first(self.sql, &find, &values, |row| Ok((head(row)?, row.bytes(7)?)))?;
        found.map(|(head, body)| self.unseal(head, body)).transpose()
    }

    /// Opens a body.
    pub(super) fn unseal(&mut self, head: Head, body: Vec<u8>) -> Result<Stored, StoreError> {
        let key = self.key_of(head.owner)?;
        let clear = key.open(self.place(&head), body)?;
        let (id, text) = self.shared.codec.unpack(&clear)?;
        if self.shared.keys.blind.reference(head.kind, &id) != head.key {
            return Err(StoreError::Malformed);
        }
        let document = text.map(|text| Document::of_stored(head.kind, text));
        let owner = (head.owner != 0).then_some(head.owner);
        let Head { row, key, kind, version, updated, how, .. } = head;
        Ok(Stored { row, key, kind, id, version, updated, owner, document, how })
    }

    pub(super) const fn place(&self, head: &Head) -> Place {
        let Head { kind, key, version, .. } = *head;
        Place::Body { tenant: self.tenant, kind: kind.number(), key, version }
    }

    /// The key of a patient who must have one.
    pub(super) fn key_of(&mut self, owner: i64) -> Result<DataKey, StoreError> {
        let recalled = match &self.met {
            Some(met) => met.get(&owner).cloned(),
            None => self.shared.vault.recall(self.tenant, owner),
        };
        if let Some(key) = recalled {
            return Ok(key);
        }
        let Held::Key(key) = self.shared.vault.held(self.sql, self.tenant, owner)? else {
            return Err(StoreError::Sealed);
        };
        match &mut self.met {
            Some(met) => drop(met.insert(owner, key.clone())),
            None => self.shared.vault.remember(self.epoch, self.tenant, owner, &key),
        }
        Ok(key)
    }

    /// Writes what the index still lacks.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() { Ok(()) } else { self.pending.write(self.sql, self.tenant) }
    }

    pub(super) fn tenant_value(&self) -> Value<'static> {
        Value::Int(i64::from(self.tenant.0))
    }
}

/// Reads [`HEAD`].
pub(super) fn head(row: &dyn Cells) -> Result<Head, StoreError> {
    let malformed = |_| StoreError::Malformed;
    let kind = u8::try_from(row.int(3)?).map_err(malformed)?;
    Ok(Head {
        row: row.int(0)?,
        key: row.int(1)?,
        owner: row.int(2)?,
        kind: Kind::from_number(kind).map_err(|_| StoreError::Malformed)?,
        version: u32::try_from(row.int(4)?).map_err(malformed)?,
        updated: row.int(5)?,
        how: how(row.int(6)?)?,
    })
}

pub(super) const fn how(number: i64) -> Result<How, StoreError> {
    match number {
        0 => Ok(How::Create),
        1 => Ok(How::Update),
        2 => Ok(How::Delete),
        _ => Err(StoreError::Malformed),
    }
}
