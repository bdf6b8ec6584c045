//! The records on disk: every resource sealed under its patient's key, found by keyed terms.
//! The hospital's. It knows databases and keys, and of FHIR only types and documents; it
//! decides nothing about who may read. Calls block; handlers make them off the runtime.

mod error;
mod indexer;
mod types;

pub use error::StoreError;
pub use indexer::Indexer;
pub use types::{
    Cursor, Engine, Hidden, Hit, How, Options, Part, Past, PostgresSettings, Presence, Put, Scope,
    Stored,
};

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use autoclave_cell::kept::Kept;
use autoclave_fhir::Kind;
use autoclave_search::{Blind, Filter, Page, Sort};

use crate::Tenant;

/// The open store.
#[derive(Clone)]
pub struct Store;

#[expect(clippy::unused_self, clippy::needless_pass_by_value, reason = "not yet made")]
impl Store {
    /// Opens the records, or creates them where none were expected.
    pub fn open(_options: Options) -> Result<Self, StoreError> {
        Err(StoreError::Engine)
    }

    /// Makes the terms of this store's index.
    pub fn blind(&self) -> &Blind {
        unreachable!()
    }

    /// How many changes there were: counted inside, so that an older copy has fewer.
    pub fn serial(&self) -> Result<u64, StoreError> {
        Err(StoreError::Engine)
    }

    /// Has every further change told.
    pub fn keep(&self, _kept: Kept) {}

    /// Reads in one snapshot.
    pub fn read<T, E: From<StoreError>>(
        &self,
        _tenant: Tenant,
        _work: impl FnOnce(&mut View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        Err(StoreError::Engine.into())
    }

    /// Changes all or nothing: durable when it returns.
    pub fn change<T, E: From<StoreError>>(
        &self,
        _tenant: Tenant,
        _work: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        Err(StoreError::Engine.into())
    }
}

/// One snapshot of one institution's records.
pub struct View<'a>(PhantomData<&'a ()>);

#[expect(clippy::unused_self, clippy::needless_pass_by_value, reason = "not yet made")]
impl View<'_> {
    /// The newest version, deleted or not; `None` where there never was one.
    pub fn get(&mut self, _kind: Kind, _id: &str) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Engine)
    }

    /// One version.
    pub fn version(
        &mut self,
        _kind: Kind,
        _id: &str,
        _version: u32,
    ) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Engine)
    }

    /// Versions, newest first.
    pub fn history(&mut self, _past: Past, _hidden: &Hidden) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Engine)
    }

    /// What a filter means, in order. An order by opened values is the caller's to make: here
    /// it is that of storing.
    pub fn search(
        &mut self,
        _kind: Kind,
        _filter: &Filter,
        _hidden: &Hidden,
        _order: &[Sort],
        _page: &Page,
        _limit: u32,
    ) -> Result<Vec<Hit>, StoreError> {
        Err(StoreError::Engine)
    }

    /// How many a filter means.
    pub fn count(
        &mut self,
        _kind: Kind,
        _filter: &Filter,
        _hidden: &Hidden,
    ) -> Result<u64, StoreError> {
        Err(StoreError::Engine)
    }

    /// The newest versions of these rows, in this order; deleted ones are left out.
    pub fn open(&mut self, _rows: &[i64]) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Engine)
    }

    /// The newest versions by key, in this order; unknown and deleted ones are left out.
    pub fn by_keys(&mut self, _keys: &[i64]) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Engine)
    }

    /// Part of a patient's compartment.
    pub fn compartment(&mut self, _part: &Part<'_>) -> Result<Vec<Stored>, StoreError> {
        Err(StoreError::Engine)
    }
}

/// A change under way: sees what it has changed itself.
pub struct Change<'a>(View<'a>);

impl<'a> Deref for Change<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.0
    }
}

impl<'a> DerefMut for Change<'a> {
    fn deref_mut(&mut self) -> &mut View<'a> {
        &mut self.0
    }
}

#[expect(clippy::unused_self, clippy::needless_pass_by_value, reason = "not yet made")]
impl Change<'_> {
    /// Stores a new version.
    pub fn put(&mut self, _put: Put<'_>) -> Result<Stored, StoreError> {
        Err(StoreError::Engine)
    }

    /// Deletes a resource, which keeps its history; `None` where there is nothing to delete.
    pub fn delete(
        &mut self,
        _kind: Kind,
        _id: &str,
        _expected: Option<u32>,
        _updated: i64,
    ) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Engine)
    }
}
