//! Resources with their versions. The institution's. Each version is a record of its own,
//! written once and never again; a head lists them. A version that is deleted is emptied,
//! and its number is never given to another.

use autoclave_base::{Secret, UnixTime};
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

use super::path::ResourcePath;
use crate::keep::{KeepError, Kept, Opened};

/// Longest resource: keys, certificates and configurations; a body of any route fits.
pub(crate) const RESOURCE_BYTES_MAX: usize = 64 * 1024;

/// Versions of one resource: daily changes for almost three years.
const VERSIONS_MAX: usize = 1000;

/// How often a change is tried again that another one came before.
const ATTEMPTS_MAX: usize = 16;

/// Why a resource was not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error("there is no such resource")]
    Unknown,
    #[error("the resource has as many versions as are kept")]
    Full,
}

/// A version as rules may know it. Only [`Resources::find`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    version: u32,
}

impl Found {
    pub(crate) const fn version(self) -> u32 {
        self.version
    }
}

/// All versions of a resource, without their content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    versions: Vec<Entry>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    version: u32,
    made: UnixTime,
    by: Label,
    deleted: bool,
}

impl Head {
    fn parse(opened: &Opened) -> Result<Self, KeepError> {
        serde_json::from_slice(&opened.bytes).map_err(|_| KeepError::Damaged)
    }

    fn live(&self, version: Option<u32>) -> Option<Found> {
        let mut live = self.versions.iter().filter(|entry| !entry.deleted);
        let entry = match version {
            Some(version) => live.find(|entry| entry.version == version),
            None => live.next_back(),
        };
        entry.map(|entry| Found { version: entry.version })
    }

    fn next(&self) -> u32 {
        self.versions.last().map_or(1, |last| last.version.saturating_add(1))
    }

    fn with(mut self, entry: Entry) -> Self {
        self.versions.push(entry);
        self.versions.sort_by_key(|entry| entry.version);
        self
    }
}

/// The store.
pub(crate) struct Resources(Kept);

impl Resources {
    pub(crate) const fn new(kept: Kept) -> Self {
        Self(kept)
    }

    /// A version that is there: the latest, if none is named.
    pub(crate) async fn find(
        &self,
        institution: &Label,
        path: &ResourcePath,
        version: Option<u32>,
    ) -> Result<Option<Found>, KeepError> {
        let (_, head) = self.head(institution, path).await?;
        Ok(head.live(version))
    }

    /// The content of a version, if it is still there.
    pub(crate) async fn content(
        &self,
        institution: &Label,
        path: &ResourcePath,
        found: Found,
    ) -> Result<Option<Secret<Vec<u8>>>, KeepError> {
        let (_, head) = self.head(institution, path).await?;
        if head.live(Some(found.version)).is_none() {
            return Ok(None);
        }
        let opened = self.0.get(&place(institution, path, found.version)).await?;
        Ok(opened.map(|mut opened| Secret::new(std::mem::take(&mut *opened.bytes))))
    }

    /// The number that a further version will have, unless another change comes first.
    pub(crate) async fn next(
        &self,
        institution: &Label,
        path: &ResourcePath,
    ) -> Result<u32, StoreError> {
        let (_, head) = self.head(institution, path).await?;
        if head.versions.len() >= VERSIONS_MAX {
            return Err(StoreError::Full);
        }
        let mut version = head.next();
        for _ in 0..ATTEMPTS_MAX {
            // A number may be taken by a change that was broken off before it was listed.
            if self.0.get(&place(institution, path, version)).await?.is_none() {
                return Ok(version);
            }
            version = version.saturating_add(1);
        }
        Err(KeepError::Conflict.into())
    }

    /// Adds a version under a number that is free: `Conflict` if it is not any more.
    pub(crate) async fn add(
        &self,
        institution: &Label,
        path: &ResourcePath,
        version: u32,
        content: &[u8],
        (made, by): (UnixTime, &Label),
    ) -> Result<(), StoreError> {
        self.0.put(&place(institution, path, version), None, content).await?;
        let entry = Entry { version, made, by: by.clone(), deleted: false };
        self.change(institution, path, |head| Ok(head.with(entry.clone()))).await
    }

    /// Deletes all versions: they are emptied, and stay listed as deleted.
    pub(crate) async fn delete(
        &self,
        institution: &Label,
        path: &ResourcePath,
    ) -> Result<(), StoreError> {
        let (_, head) = self.head(institution, path).await?;
        let last = head.live(None).ok_or(StoreError::Unknown)?;
        let delete = |mut head: Head| {
            let old = head.versions.iter_mut().filter(|entry| entry.version <= last.version);
            old.for_each(|entry| entry.deleted = true);
            Ok(head)
        };
        self.change(institution, path, delete).await?;
        for entry in head.versions.iter().filter(|entry| !entry.deleted) {
            let place = place(institution, path, entry.version);
            if let Some(opened) = self.0.get(&place).await? {
                self.0.put(&place, Some(opened.version), b"").await?;
            }
        }
        Ok(())
    }

    async fn head(
        &self,
        institution: &Label,
        path: &ResourcePath,
    ) -> Result<(Option<u64>, Head), KeepError> {
        match self.0.get(&head(institution, path)).await? {
            Some(opened) => Ok((Some(opened.version), Head::parse(&opened)?)),
            None => Ok((None, Head::default())),
        }
    }

    async fn change(
        &self,
        institution: &Label,
        path: &ResourcePath,
        change: impl Fn(Head) -> Result<Head, StoreError> + Send,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let (expected, before) = self.head(institution, path).await?;
            let after = serde_json::to_vec(&change(before)?).map_err(|_| KeepError::TooLarge)?;
            match self.0.put(&head(institution, path), expected, &after).await {
                Ok(_) => return Ok(()),
                Err(KeepError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeepError::Conflict.into())
    }
}

fn head(institution: &Label, path: &ResourcePath) -> String {
    format!("kbs/head/{institution}/{path}")
}

/// No segment has a colon, so that no two resources share a name.
fn place(institution: &Label, path: &ResourcePath, version: u32) -> String {
    format!("kbs/version/{institution}/{path}:{version}")
}
