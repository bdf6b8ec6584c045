//! How keys change: read, edited by a rule, recorded in the ledger, kept; in this order.
//! The vault's. A line may stand without its change where the store failed after it; a
//! change never stands without its line.

use autoclave_base::UnixTime;
use autoclave_base::ids::KeyName;
use autoclave_cell::Entropy;
use autoclave_ledger::{Event, Label};
use rand::Rng as _;

use super::{KEYS_MAX, KeyRecord, Material, Origin, State, Tenant, Terms, VaultError};

/// Who changes a key, as the ledger tells it.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// When.
    pub now: UnixTime,
    /// `created`, `imported`, `rotated`, `enabled`, `disabled`, `revoked`, `destroyed`, ….
    pub action: &'a str,
    /// By whom.
    pub by: &'a Label,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The version that the key has now.
    pub version: u32,
    /// False where the same key was there already.
    pub changed: bool,
}

/// What an edit did: which version the line names; none if nothing is to change.
pub(crate) type Edited = Option<u32>;

/// A new key, as its administrator wants it.
pub(crate) struct NewKey {
    pub(crate) origin: Origin,
    pub(crate) purpose: Label,
    pub(crate) overlap: Option<u64>,
    pub(crate) material: Material,
    pub(crate) terms: Terms,
}

/// A random name of a version: 32 hex digits.
fn version_id() -> String {
    let mut bytes = [0_u8; 16];
    Entropy.fill_bytes(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

impl Tenant<'_> {
    /// Sets a configured key. The same key as the current one changes nothing.
    pub(crate) async fn set(
        &self,
        name: &KeyName,
        material: Material,
        change: &Change<'_>,
    ) -> Result<Imported, VaultError> {
        self.settings(name).ok_or(VaultError::Unknown)?;
        let terms = Terms { exportable: true, enabled: true, ..Terms::default() };
        let mut same = false;
        let record = self
            .change(name, change, |record| {
                same = record
                    .current()
                    .and_then(|it| it.material())
                    .is_some_and(|current| current.same_as(&material));
                if same {
                    return Ok(None);
                }
                let added = record.add(version_id(), material, terms, change.now);
                added.ok_or(VaultError::Full).map(Some)
            })
            .await?;
        let version = record.current().map_or(0, |it| it.number);
        Ok(Imported { version, changed: !same })
    }

    /// Makes a key, or another version of one of the same origin.
    pub(crate) async fn add(
        &self,
        name: &KeyName,
        new: NewKey,
        change: &Change<'_>,
    ) -> Result<KeyRecord, VaultError> {
        timely(&new.terms, change.now)?;
        let first = self.read(name).await?.is_none();
        if first && self.names().await?.len() >= KEYS_MAX {
            return Err(VaultError::Full);
        }
        if first && self.settings(name).is_none() {
            let record = KeyRecord::new(new.origin, new.purpose.clone(), new.overlap);
            return self.write_first(name, record, new, change).await;
        }
        self.change(name, change, |record| {
            let alike = record.origin == new.origin && record.purpose == new.purpose;
            if !alike || record.origin == Origin::Configured || record.deleted.is_some() {
                return Err(VaultError::Exists);
            }
            let added = record.add(version_id(), new.material, new.terms, change.now);
            added.ok_or(VaultError::Full).map(Some)
        })
        .await
    }

    async fn write_first(
        &self,
        name: &KeyName,
        mut record: KeyRecord,
        new: NewKey,
        change: &Change<'_>,
    ) -> Result<KeyRecord, VaultError> {
        let _changing = self.vault.changing.lock().await;
        let added = record.add(version_id(), new.material, new.terms, change.now);
        let version = added.ok_or(VaultError::Full)?;
        self.put(name, None, &record, version, change).await?;
        Ok(record)
    }

    /// Another version on the terms of the current one, with bytes of its own.
    pub(crate) async fn rotate(
        &self,
        name: &KeyName,
        terms: impl FnOnce(&KeyRecord) -> Result<(Material, Terms), VaultError>,
        change: &Change<'_>,
    ) -> Result<KeyRecord, VaultError> {
        self.change(name, change, |record| {
            let (material, terms) = terms(record)?;
            if record.origin == Origin::Configured || record.deleted.is_some() {
                return Err(VaultError::Forbidden);
            }
            timely(&terms, change.now)?;
            let added = record.add(version_id(), material, terms, change.now);
            added.ok_or(VaultError::Full).map(Some)
        })
        .await
    }

    /// Puts a version into another state. What is revoked or destroyed stays so; a
    /// destroyed one has no bytes any more.
    pub(crate) async fn set_state(
        &self,
        name: &KeyName,
        number: u32,
        state: State,
        change: &Change<'_>,
    ) -> Result<KeyRecord, VaultError> {
        self.change(name, change, |record| {
            let version = record.find_mut(Some(number)).ok_or(VaultError::Unknown)?;
            match (version.state, state) {
                (same, wanted) if same == wanted => return Ok(None),
                (State::Destroyed, _) => return Err(VaultError::Forbidden),
                (_, State::Destroyed) => version.destroy(),
                (State::Revoked, _) => return Err(VaultError::Forbidden),
                _ => version.state = state,
            }
            version.updated = change.now;
            Ok(Some(number))
        })
        .await
    }

    /// Changes a key by `edit`, with its line; nothing is written where the edit says so.
    pub(crate) async fn change(
        &self,
        name: &KeyName,
        change: &Change<'_>,
        edit: impl FnOnce(&mut KeyRecord) -> Result<Edited, VaultError>,
    ) -> Result<KeyRecord, VaultError> {
        let _changing = self.vault.changing.lock().await;
        let (mut record, revision) = match self.read(name).await? {
            Some((record, revision)) => (record, Some(revision)),
            None => (self.declared(name).ok_or(VaultError::Unknown)?, None),
        };
        if let Some(version) = edit(&mut record)? {
            self.put(name, revision, &record, version, change).await?;
        }
        Ok(record)
    }

    /// The line first, then the record.
    async fn put(
        &self,
        name: &KeyName,
        revision: Option<u64>,
        record: &KeyRecord,
        version: u32,
        change: &Change<'_>,
    ) -> Result<(), VaultError> {
        let bytes = record.to_bytes().ok_or_else(|| VaultError::Damaged(name.clone()))?;
        let own = record.origin != Origin::Configured;
        let line = Event::KeyChange {
            institution: own.then(|| self.institution.clone()),
            key: name.clone(),
            version,
            action: Label::of_claim(change.action),
            by: change.by.clone(),
        };
        self.vault.ledger.append(line).await?;
        self.vault.kept.put(&self.place(name), revision, &bytes).await?;
        Ok(())
    }
}

/// A key without an end, or whose time is over before it begins, is refused.
fn timely(terms: &Terms, now: UnixTime) -> Result<(), VaultError> {
    let end = terms.expires.ok_or(VaultError::Expiry)?;
    let begin = terms.not_before.unwrap_or(now).max(now);
    if end > begin { Ok(()) } else { Err(VaultError::Expiry) }
}
