//! What an enclave remembers between two lives: one small sealed file of named values. The
//! cell's, for its role. It is replaced as a whole or not at all, and where it must be but
//! is not, or does not open, the enclave does not start.

mod disk;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, b64};
use autoclave_seal::{file, kdf};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::clock::Entropy;
use crate::limits::STATE_BYTES_MAX;

/// The state's file in the enclave's folder.
const FILE: &str = "state.sealed";

/// Version of the clear form.
const VERSION: u32 = 1;

/// Why the state cannot be opened or kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// `data_dir` is not there: a forgotten mount must not look like a first start.
    #[error("the data folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds data, but not the state that belongs to it.
    #[error("the data folder is in use, but its state is missing")]
    Missing,
    /// Another process has the folder open.
    #[error("another process uses the data folder")]
    InUse,
    /// Altered, cut, of another workload or of another machine: these look alike.
    #[error("the sealed state does not open")]
    Tampered,
    /// More than [`STATE_BYTES_MAX`].
    #[error("the state is too large")]
    TooLarge,
    /// The ledger knows of later changes than what is on the disk has seen: an older copy was
    /// put back.
    #[error("`{store}` is at change {found}, but the ledger knows of change {told}")]
    RolledBack {
        /// `state`, or a role's store.
        store: String,
        /// Changes that are on the disk.
        found: u64,
        /// Changes that the ledger knows of.
        told: u64,
    },
    /// The disk failed.
    #[error("the state cannot be read or written")]
    Io(#[from] std::io::Error),
}

impl StateError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "state.no_folder",
            Self::Missing => "state.missing",
            Self::InUse => "state.in_use",
            Self::Tampered => "state.tampered",
            Self::TooLarge => "state.too_large",
            Self::RolledBack { .. } => "state.rolled_back",
            Self::Io(_) => "state.io",
        }
    }
}

/// The named values. All methods may block on the disk for some milliseconds.
pub struct SealedState {
    folder: PathBuf,
    key: Secret<[u8; 32]>,
    context: String,
    values: Mutex<Values>,
    observer: OnceLock<Observer>,
    _lock: std::fs::File,
}

/// Who is asked and told about each change: the ledger, which both sides remember.
pub(crate) struct Observer {
    /// Under which name the state keeps what [`Observer::checkpoint`] says.
    pub(crate) name: &'static str,
    /// The ledger as it is now.
    pub(crate) checkpoint: Box<dyn Fn() -> String + Send + Sync>,
    /// Told after a change is durable: its number, and the digest of the sealed file.
    pub(crate) changed: Box<dyn Fn(u64, Digest) + Send + Sync>,
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Values {
    v: u32,
    /// Changes so far.
    #[serde(default)]
    serial: u64,
    /// The digest of the sealed file that these were read from or written to.
    #[serde(skip)]
    digest: Option<Digest>,
    #[serde(rename = "values")]
    all: BTreeMap<String, Value>,
}

/// One value in base64url; erased when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Value(String);

impl Drop for Value {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SealedState {
    /// Opens the state in `folder`, or begins it if the folder is empty.
    pub fn open(
        folder: &Path,
        workload: &WorkloadName,
        secret: &Secret<[u8; 32]>,
    ) -> Result<Self, StateError> {
        let lock = disk::lock(folder)?;
        let context = format!("state:{workload}");
        let key = kdf::derive(secret.expose(), &context);
        let values = match disk::read(folder, FILE)? {
            Some(sealed) => {
                let digest = Some(Digest::of(&sealed));
                Values { digest, ..open(&key, &context, &sealed)? }
            }
            None if disk::is_unused(folder)? => Values { v: VERSION, ..Values::default() },
            None => return Err(StateError::Missing),
        };
        Ok(Self {
            folder: folder.to_owned(),
            key,
            context,
            values: Mutex::new(values),
            observer: OnceLock::new(),
            _lock: lock,
        })
    }

    /// Which change is the last, and the digest of the sealed file; none where there is none.
    pub(crate) fn position(&self) -> (u64, Option<Digest>) {
        let values = self.lock();
        (values.serial, values.digest)
    }

    /// Has every further change told. A second observer changes nothing.
    pub(crate) fn observe(&self, observer: Observer) {
        let _already = self.observer.set(observer);
    }

    /// Whether it holds nothing yet.
    pub(crate) fn is_new(&self) -> bool {
        self.lock().all.is_empty()
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<Secret<Vec<u8>>> {
        let values = self.lock();
        let value = values.all.get(name)?;
        // What was sealed was encoded here; it decodes.
        b64::decode(&value.0).ok().map(Secret::new)
    }

    /// Sets a value. When this returns, it has reached the disk; when it fails, nothing has
    /// changed.
    pub fn put(&self, name: &str, value: &[u8]) -> Result<(), StateError> {
        self.change(|values| {
            values.insert(name.to_owned(), Value(b64::encode(value)));
        })
    }

    /// Forgets a value, as durably as [`SealedState::put`].
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        self.change(|values| {
            values.remove(name);
        })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Value>)) -> Result<(), StateError> {
        let mut values = self.lock();
        let mut changed = values.clone();
        change(&mut changed.all);
        changed.serial += 1;
        if let Some(observer) = self.observer.get() {
            let checkpoint = (observer.checkpoint)();
            changed.all.insert(observer.name.to_owned(), Value(b64::encode(checkpoint)));
        }
        let sealed = self.seal(&changed)?;
        disk::replace(&self.folder, FILE, &sealed)?;
        let (serial, digest) = (changed.serial, Digest::of(&sealed));
        *values = Values { digest: Some(digest), ..changed };
        drop(values);
        if let Some(observer) = self.observer.get() {
            (observer.changed)(serial, digest);
        }
        Ok(())
    }

    fn seal(&self, values: &Values) -> Result<Vec<u8>, StateError> {
        let clear = Zeroizing::new(serde_json::to_vec(values).map_err(|_| StateError::Tampered)?);
        if clear.len() > STATE_BYTES_MAX {
            return Err(StateError::TooLarge);
        }
        file::seal_bytes(&mut Entropy, &self.key, &self.context, &clear)
            .map_err(|_| StateError::TooLarge)
    }

    /// Values are replaced whole, so that a panic elsewhere leaves them consistent.
    fn lock(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(key: &Secret<[u8; 32]>, context: &str, sealed: &[u8]) -> Result<Values, StateError> {
    let clear = file::open_bytes(key, context, sealed).map_err(|_| StateError::Tampered)?;
    let clear = Zeroizing::new(clear);
    let values: Values = serde_json::from_slice(&clear).map_err(|_| StateError::Tampered)?;
    if values.v == VERSION { Ok(values) } else { Err(StateError::Tampered) }
}
