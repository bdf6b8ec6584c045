//! The vault: keys by institution and name, with versions, in sealed records. The data
//! owners'. Whoever wants a key needs a [`Tenant`], which is one institution's and knows no
//! other's; a key changes after its line in the ledger, and no function here shows one.

mod change;
mod cipher;
mod configured;
mod material;
mod record;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use autoclave_base::UnixTime;
use autoclave_base::ids::KeyName;
use autoclave_cell::StateError;
use autoclave_cell::ledger::{AppendError, Ledger};
use autoclave_ledger::Label;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::config::KeySettings;
use crate::keep::{KeepError, Kept};

pub(crate) use change::NewKey;
pub use change::{Change, Imported};
pub use cipher::{CIPHERTEXT_BYTES_MIN, CipherError, PLAIN_BYTES_MAX};
pub(crate) use material::Material;
pub use material::{Curve, OCT_BYTES};
pub(crate) use record::{KeyRecord, Public, Version};
pub use record::{Origin, PolicyText, State, Terms, Unusable, VERSIONS_MAX};

/// Keys of one institution: more are a mistake in a program.
pub const KEYS_MAX: usize = 4096;

/// Why the vault did not open, or did not take a change.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such key, or none of this institution.
    #[error("no such key")]
    Unknown,
    /// The configuration names a key twice.
    #[error("the configuration names the key {0} twice")]
    Repeated(KeyName),
    /// A name of an institution with a slash would be two.
    #[error("the institution's name has a slash")]
    Institution,
    /// What is kept under this name is no key.
    #[error("no key is kept under {0}")]
    Damaged(KeyName),
    /// There is such a key already, or it is of another origin.
    #[error("the key exists already")]
    Exists,
    /// The change is not allowed as the key stands.
    #[error("the key does not allow the change")]
    Forbidden,
    /// A key needs an end, after its beginning and after now.
    #[error("the key has no end, or one that is over")]
    Expiry,
    /// No room for one more key or version.
    #[error("no room for one more")]
    Full,
    /// The ledger took no line; nothing has changed.
    #[error("the change could not be recorded")]
    Ledger(#[from] AppendError),
    /// The store failed; nothing has changed.
    #[error("the change could not be kept")]
    Keep(#[from] KeepError),
    /// The state of an earlier form could not be read.
    #[error("the state could not be read")]
    State(#[from] StateError),
}

impl VaultError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "keys.unknown",
            Self::Repeated(_) => "keys.repeated",
            Self::Institution => "keys.institution",
            Self::Damaged(_) => "keys.damaged",
            Self::Exists => "keys.exists",
            Self::Forbidden => "keys.forbidden",
            Self::Expiry => "keys.expiry",
            Self::Full => "keys.full",
            Self::Ledger(_) => "keys.not_recorded",
            Self::Keep(KeepError::Conflict) => "keys.conflict",
            Self::Keep(_) | Self::State(_) => "keys.not_kept",
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
    /// How it stands.
    pub state: State,
    /// From when it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixTime>,
    /// From when it is not used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixTime>,
}

/// All keys of the broker.
pub struct Vault {
    kept: Kept,
    ledger: Ledger,
    configured: BTreeMap<KeyName, KeySettings>,
    institutions: BTreeSet<Label>,
    /// Held while a key changes, so that no two changes take the same number.
    changing: Mutex<()>,
}

/// The keys of one institution. Every way to a key leads through one, and the only ways to
/// one are [`Vault::tenant`], for an institution that was proved or that rules will judge,
/// and [`Vault::owner_of`].
#[derive(Clone)]
pub struct Tenant<'v> {
    vault: &'v Vault,
    institution: Label,
}

impl Vault {
    /// The vault in `kept`, with the configured keys in their places.
    pub fn new(
        settings: Vec<KeySettings>,
        administered: impl IntoIterator<Item = Label>,
        kept: Kept,
        ledger: Ledger,
    ) -> Result<Self, VaultError> {
        let owners = settings.iter().map(|it| it.owner.clone());
        let institutions: BTreeSet<Label> = owners.chain(administered).collect();
        if institutions.iter().any(|it| it.as_str().contains('/')) {
            return Err(VaultError::Institution);
        }
        let mut configured = BTreeMap::new();
        for settings in settings {
            let name = settings.name.clone();
            if configured.insert(name.clone(), settings).is_some() {
                return Err(VaultError::Repeated(name));
            }
        }
        Ok(Self { kept, ledger, configured, institutions, changing: Mutex::new(()) })
    }

    /// The keys of `institution`, if the broker serves it.
    pub fn tenant(&self, institution: &Label) -> Option<Tenant<'_>> {
        let institution = self.institutions.get(institution)?.clone();
        Some(Tenant { vault: self, institution })
    }

    /// The keys of the institution that the configuration names as the owner of this key.
    pub fn owner_of(&self, name: &KeyName) -> Option<Tenant<'_>> {
        let settings = self.configured.get(name)?;
        Some(Tenant { vault: self, institution: settings.owner.clone() })
    }

    /// All institutions that the broker serves.
    pub fn institutions(&self) -> impl Iterator<Item = &Label> {
        self.institutions.iter()
    }
}

impl Tenant<'_> {
    /// Whose keys these are.
    pub const fn institution(&self) -> &Label {
        &self.institution
    }

    /// The key of that name; a configured one that was never set is there without versions.
    pub(crate) async fn key(&self, name: &KeyName) -> Result<Option<KeyRecord>, VaultError> {
        Ok(self.read(name).await?.map(|(record, _)| record).or_else(|| self.declared(name)))
    }

    /// The key's record with its version, if one was written.
    async fn read(&self, name: &KeyName) -> Result<Option<(KeyRecord, u64)>, VaultError> {
        let Some(opened) = self.vault.kept.get(&self.place(name)).await? else { return Ok(None) };
        let record = KeyRecord::from_bytes(&opened.bytes);
        let record = record.ok_or_else(|| VaultError::Damaged(name.clone()))?;
        Ok(Some((record, opened.version)))
    }

    /// The keys' names, in order.
    pub async fn names(&self) -> Result<Vec<KeyName>, VaultError> {
        let prefix = self.prefix();
        let kept = self.vault.kept.list(&prefix).await?;
        let kept = kept.iter().filter_map(|it| KeyName::parse(it.strip_prefix(&prefix)?).ok());
        let own = self.vault.configured.values().filter(|it| it.owner == self.institution);
        let all: BTreeSet<_> = own.map(|it| it.name.clone()).chain(kept).collect();
        Ok(all.into_iter().collect())
    }

    /// The keys as administrators see them.
    pub async fn views(&self) -> Result<Vec<KeyView>, VaultError> {
        let mut views = Vec::new();
        for name in self.names().await? {
            if let Some(record) = self.key(&name).await? {
                views.push(self.view(name, &record));
            }
        }
        Ok(views)
    }

    /// One key as administrators see it.
    pub(crate) fn view(&self, name: KeyName, record: &KeyRecord) -> KeyView {
        let view = |it: &Version| VersionView {
            version: it.number,
            made: it.made,
            state: it.state,
            not_before: it.not_before,
            expires: it.expires,
        };
        let versions = record.versions().iter().map(view).collect();
        let (owner, purpose) = (self.institution.clone(), record.purpose.clone());
        KeyView { name, owner, purpose, versions }
    }

    /// A configured key before it was set.
    fn declared(&self, name: &KeyName) -> Option<KeyRecord> {
        let settings = self.settings(name)?;
        Some(KeyRecord::new(Origin::Configured, settings.purpose.clone(), None))
    }

    fn settings(&self, name: &KeyName) -> Option<&KeySettings> {
        self.vault.configured.get(name).filter(|it| it.owner == self.institution)
    }

    fn prefix(&self) -> String {
        format!("keys/{}/", self.institution)
    }

    /// Institutions have no slash in their names, so that no two places are one.
    fn place(&self, name: &KeyName) -> String {
        format!("keys/{}/{name}", self.institution)
    }
}
