//! A witness's memory: one file for each log, replaced whole and durable when a call
//! returns. The witness's. Where the key is there and the memory is not, nothing starts: a
//! witness that forgot would cosign a fork.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use autoclave_base::{UnixTime, b64};
use autoclave_ledger::{Checkpoint, Hash, LogKey};
use ed25519_dalek::SigningKey;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::name_digest;

/// The private key (32 bytes in base64url), for its owner only.
const KEY: &str = "key";
/// Held while a witness runs.
const LOCK: &str = "lock";
/// One file for each log.
const LOGS: &str = "logs";
/// Sizes and roots that are remembered of each log, to compare with other witnesses'.
const HISTORY_MAX: usize = 256;
/// Largest file of a log: two notes and a history.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder holds something, and not a witness's whole memory.
    #[error("the folder is in use, but what a witness keeps is not all there")]
    Missing,
    /// A file does not hold what a witness writes.
    #[error("{0} is not what a witness writes")]
    Damaged(String),
    /// Another process has it open.
    #[error("another process uses the folder")]
    InUse,
    /// The disk failed.
    #[error("the witness's memory cannot be read or written")]
    Io(#[from] io::Error),
}

impl StoreError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "witness.state_missing",
            Self::Damaged(_) => "witness.state_damaged",
            Self::InUse => "witness.in_use",
            Self::Io(_) => "witness.io",
        }
    }
}

/// Two checkpoints that a log has signed and that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The log's key.
    pub log: String,
    /// The signed checkpoint that this witness had.
    pub ours: String,
    /// The one that contradicts it.
    pub theirs: String,
    /// `one_size`: two roots of one size. `no_consistency`: the log's own tiles lead to the
    /// larger and not to the smaller.
    pub why: String,
    /// When.
    pub found_at: UnixTime,
    /// By whom.
    pub witness: String,
}

/// What a witness remembers of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The log's key, its name in it.
    pub key: String,
    /// The latest signed checkpoint that was cosigned.
    pub note: Option<String>,
    /// The latest sizes with their roots, the latest at the end.
    pub history: Vec<(u64, Hash)>,
    /// Why it is cosigned no more.
    pub evidence: Option<Evidence>,
}

impl Known {
    /// The log's key.
    pub fn log_key(&self) -> Result<LogKey, StoreError> {
        self.key.parse().map_err(|_| StoreError::Damaged(self.key.clone()))
    }

    /// The latest checkpoint, verified again.
    pub fn latest(&self) -> Result<Option<Checkpoint>, StoreError> {
        let key = self.log_key()?;
        let opened = self.note.as_deref().map(|note| Checkpoint::open(note, &key)).transpose();
        opened.map_err(|_| StoreError::Damaged(self.key.clone()))
    }

    /// The root that was cosigned for `size` lines.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.history.iter().find(|(at, _)| *at == size).map(|(_, root)| *root)
    }
}

/// The memory.
pub struct Store {
    folder: PathBuf,
    logs: BTreeMap<String, Known>,
    _lock: File,
}

impl Store {
    /// Opens a witness's folder, or begins one where there is none; the key with it.
    pub fn open(folder: &Path) -> Result<(Self, SigningKey), StoreError> {
        let is_new = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error.into()),
        };
        fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        let key = if is_new { begin(folder)? } else { read_key(folder)? };
        let mut logs = BTreeMap::new();
        for entry in fs::read_dir(folder.join(LOGS)).map_err(|_| StoreError::Missing)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "json") {
                let known = read_log(&path)?;
                logs.insert(known.log_key()?.name().to_owned(), known);
            }
        }
        Ok((Self { folder: folder.to_owned(), logs, _lock: lock }, key))
    }

    /// A log by its name.
    pub fn get(&self, origin: &str) -> Option<&Known> {
        self.logs.get(origin)
    }

    /// A log by the digest of its name.
    pub fn by_digest(&self, digest: &str) -> Option<&Known> {
        self.logs.iter().find(|(origin, _)| name_digest(origin) == digest).map(|(_, known)| known)
    }

    /// All logs.
    pub fn all(&self) -> impl Iterator<Item = &Known> {
        self.logs.values()
    }

    /// How many logs there are.
    pub fn count(&self) -> usize {
        self.logs.len()
    }

    /// Begins to follow a log.
    pub fn add(&mut self, key: &LogKey) -> Result<(), StoreError> {
        let known = Known { key: key.to_string(), note: None, history: Vec::new(), evidence: None };
        self.replace(key.name(), known)
    }

    /// Moves a log forward; durable when it returns.
    pub fn advance(
        &mut self,
        key: &LogKey,
        note: &str,
        new: &Checkpoint,
    ) -> Result<(), StoreError> {
        let mut known = self.logs.get(key.name()).cloned().ok_or(StoreError::Missing)?;
        if known.root_at(new.size()).is_none() {
            known.history.push((new.size(), *new.root()));
        }
        let excess = known.history.len().saturating_sub(HISTORY_MAX);
        known.history.drain(..excess);
        known.note = Some(note.to_owned());
        self.replace(key.name(), known)
    }

    /// Keeps evidence against a log; the first is enough.
    pub(crate) fn keep(&mut self, origin: &str, evidence: Evidence) -> Result<(), StoreError> {
        let mut known = self.logs.get(origin).cloned().ok_or(StoreError::Missing)?;
        if known.evidence.is_some() {
            return Ok(());
        }
        known.evidence = Some(evidence);
        self.replace(origin, known)
    }

    /// The note that stands against `theirs`.
    pub(crate) fn note_against(&self, origin: &str, theirs: &str, key: &LogKey) -> Option<String> {
        Checkpoint::open(theirs, key).ok()?;
        self.get(origin)?.note.clone()
    }

    fn replace(&mut self, origin: &str, known: Known) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(&known).map_err(io::Error::from)?;
        let folder = self.folder.join(LOGS);
        put(&folder, &format!("{}.json", name_digest(origin)), &text)?;
        self.logs.insert(origin.to_owned(), known);
        Ok(())
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "a witness's own key, made once, in its shell")]
fn begin(folder: &Path) -> Result<SigningKey, StoreError> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(seed.as_mut_slice());
    fs::create_dir_all(folder.join(LOGS))?;
    put(folder, KEY, Zeroizing::new(b64::encode(seed.as_slice())).as_bytes())?;
    Ok(SigningKey::from_bytes(&seed))
}

fn read_key(folder: &Path) -> Result<SigningKey, StoreError> {
    let text = fs::read_to_string(folder.join(KEY)).map_err(|_| StoreError::Missing)?;
    let seed = b64::decode_array::<32>(text.trim());
    let seed = seed.map_err(|_| StoreError::Damaged(KEY.to_owned()))?;
    Ok(SigningKey::from_bytes(&seed))
}

fn read_log(path: &Path) -> Result<Known, StoreError> {
    let damaged = || StoreError::Damaged(path.display().to_string());
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(damaged());
    }
    let known: Known = serde_json::from_slice(&fs::read(path)?).map_err(|_| damaged())?;
    known.latest()?;
    Ok(known)
}

/// Puts a file in place whole; durable, with its name, when it returns.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.tmp"));
    let mut how = OpenOptions::new();
    let mut file = how.create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}
