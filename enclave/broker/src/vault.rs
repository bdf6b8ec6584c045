//! The vault: the configured keys, held in sealed state. The data owners'. A key is set
//! after its line in the ledger and before anybody is told, and is never shown.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use autoclave_base::ids::KeyName;
use autoclave_base::{Secret, UnixTime};
use autoclave_cell::ledger::{AppendError, Ledger};
use autoclave_cell::release::KEY_BYTES;
use autoclave_cell::{SealedState, StateError};
use autoclave_ledger::{Event, Label};
use rand::CryptoRng;
use serde::Serialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::config::KeySettings;
use crate::versions::{Version, Versions};

/// Why the vault did not open, or did not take a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such key in the configuration, or none of this institution.
    #[error("no such key")]
    Unknown,
    /// The configuration names a key twice.
    #[error("the configuration names the key {0} twice")]
    Repeated(KeyName),
    /// What the state holds under this name is no key.
    #[error("the state holds no key under {0}")]
    Damaged(KeyName),
    /// The ledger took no line; nothing has changed.
    #[error("the change could not be recorded")]
    Ledger(#[from] AppendError),
    /// The state could not be written; nothing has changed.
    #[error("the change could not be kept")]
    State(#[from] StateError),
}

impl VaultError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "keys.unknown",
            Self::Repeated(_) => "keys.repeated",
            Self::Damaged(_) => "keys.damaged",
            Self::Ledger(_) => "keys.not_recorded",
            Self::State(_) => "keys.not_kept",
        }
    }
}

/// A key as administrators see it: never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its name.
    pub name: KeyName,
    /// The institution that owns it.
    pub owner: Label,
    /// What it is for.
    pub purpose: Label,
    /// Its versions, the current one first; none before the first import.
    pub versions: Vec<VersionView>,
}

/// A version of a key, without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made or imported.
    pub made: UnixTime,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The version that the key has now.
    pub version: u32,
    /// False where the same key was there already.
    pub changed: bool,
}

/// Who sets a key, as the ledger tells it.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// When.
    pub now: UnixTime,
    /// `created`, `imported`.
    pub action: &'a str,
    /// By whom.
    pub by: &'a Label,
}

/// All keys of the broker.
pub struct Vault {
    keys: BTreeMap<KeyName, Slot>,
    /// Held while a key changes, so that no two changes take the same number.
    changing: Mutex<()>,
}

struct Slot {
    settings: KeySettings,
    versions: RwLock<Option<Versions>>,
}

impl Vault {
    /// Reads the configured keys from the state.
    pub fn open(settings: Vec<KeySettings>, state: &SealedState) -> Result<Self, VaultError> {
        let mut keys = BTreeMap::new();
        for settings in settings {
            let name = settings.name.clone();
            let versions = match state.get(&place(&name)) {
                Some(bytes) => Some(
                    Versions::from_bytes(bytes.expose())
                        .ok_or_else(|| VaultError::Damaged(name.clone()))?,
                ),
                None => None,
            };
            let slot = Slot { settings, versions: RwLock::new(versions) };
            if keys.insert(name.clone(), slot).is_some() {
                return Err(VaultError::Repeated(name));
            }
        }
        Ok(Self { keys, changing: Mutex::new(()) })
    }

    /// Makes the keys that the configuration says the broker makes, where they are not
    /// there yet.
    pub async fn generate(
        &self,
        state: &SealedState,
        ledger: &Ledger,
        by: &Label,
        now: UnixTime,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(), VaultError> {
        for (name, slot) in self.keys.iter().filter(|(_, slot)| slot.settings.generate) {
            if slot.read().is_none() {
                let mut secret = Zeroizing::new([0; KEY_BYTES]);
                rng.fill_bytes(&mut *secret);
                let change = Change { now, action: "created", by };
                self.set(name, Secret::new(*secret), &change, state, ledger).await?;
            }
        }
        Ok(())
    }

    /// Sets a key: the line first, then the state, then what is released. The same key as
    /// the current one changes nothing.
    pub async fn set(
        &self,
        name: &KeyName,
        secret: Secret<[u8; KEY_BYTES]>,
        change: &Change<'_>,
        state: &SealedState,
        ledger: &Ledger,
    ) -> Result<Imported, VaultError> {
        let slot = self.keys.get(name).ok_or(VaultError::Unknown)?;
        let _changing = self.changing.lock().await;
        let next = match slot.read().as_ref() {
            Some(versions) if versions.current().secret.same_as(&secret) => {
                let version = versions.current().number;
                return Ok(Imported { version, changed: false });
            }
            Some(versions) => versions.next(secret, change.now),
            None => Versions::first(secret, change.now),
        };
        let version = next.current().number;
        ledger.append(key_change(name, version, change)).await?;
        let bytes = next.to_bytes().map_err(|_| VaultError::Damaged(name.clone()))?;
        state.put(&place(name), &bytes)?;
        *slot.versions.write().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(Imported { version, changed: true })
    }

    /// Who owns a key.
    pub fn owner(&self, name: &KeyName) -> Option<&Label> {
        self.keys.get(name).map(|slot| &slot.settings.owner)
    }

    /// The keys of one institution.
    pub fn of_owner(&self, owner: &Label) -> Vec<KeyView> {
        let own = self.keys.values().filter(|slot| slot.settings.owner == *owner);
        own.map(Slot::view).collect()
    }

    /// What rules may know of a version of a key: the current one, if none is named.
    pub(crate) fn describe(&self, name: &KeyName, version: Option<u32>) -> Option<Described<'_>> {
        let slot = self.keys.get(name)?;
        let versions = slot.read();
        let versions = versions.as_ref()?;
        let version = version.unwrap_or(versions.current().number);
        let settings = &slot.settings;
        versions.find(version).map(|found| Described { settings, version: found.number })
    }

    /// Lends a version of a key to `work`, which keeps nothing of it.
    pub(crate) fn lend<T>(
        &self,
        name: &KeyName,
        version: u32,
        work: impl FnOnce(&Version) -> T,
    ) -> Option<T> {
        let versions = self.keys.get(name)?.read();
        versions.as_ref()?.find(version).map(work)
    }
}

/// A key as rules see it.
pub(crate) struct Described<'a> {
    pub(crate) settings: &'a KeySettings,
    pub(crate) version: u32,
}

impl Slot {
    /// Versions are replaced whole, so that a panic elsewhere leaves them consistent.
    fn read(&self) -> RwLockReadGuard<'_, Option<Versions>> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> KeyView {
        let KeySettings { name, owner, purpose, .. } = self.settings.clone();
        let view = |it: &Version| VersionView { version: it.number, made: it.made };
        let versions = self.read().as_ref().map(|all| all.all().map(view).collect());
        KeyView { name, owner, purpose, versions: versions.unwrap_or_default() }
    }
}

fn key_change(name: &KeyName, version: u32, change: &Change<'_>) -> Event {
    let (key, action) = (name.clone(), Label::of_claim(change.action));
    Event::KeyChange { key, version, action, by: change.by.clone() }
}

/// Where the state keeps a key.
fn place(name: &KeyName) -> String {
    format!("key:{name}")
}
