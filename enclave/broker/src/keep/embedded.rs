//! The default store: the enclave's own sealed state, and a root key that lies there. For
//! one broker alone. It is replaced as a whole with each change, so that a rollback of one
//! record is a rollback of all, which is noticed at start.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::{Secret, UnixTime, b64};
use autoclave_cell::{Cell, Entropy, StateError};
use autoclave_seal::file;
use rand::Rng as _;
use zeroize::Zeroizing;

use super::{Answer, Keep, KeepError, RootKey, Stored};

/// Before the names of records in the state.
const RECORDS: &str = "keep:";

/// Before the names of spaces in the state.
const ONCE: &str = "once:";

/// Where the state keeps the root key.
const ROOT: &str = "root";

/// What the root key's wrappings are for.
const WRAPPED: &str = "root:wrapped";

/// Ids of one space that are remembered at once: each change writes them all.
const ONCE_MAX: usize = 10_000;

/// Bytes of an id and the end of its time.
const ONCE_BYTES: usize = 40;

/// Records and ids in the cell's sealed state.
pub struct Embedded {
    cell: Arc<Cell>,
    names: Mutex<Vec<String>>,
}

/// Where the state keeps the names of records.
const NAMES: &str = "keep-names";

impl Embedded {
    /// The store in the state of `cell`.
    pub fn open(cell: Arc<Cell>) -> Result<Self, KeepError> {
        let names = match cell.state().get(NAMES) {
            Some(bytes) => {
                serde_json::from_slice(bytes.expose()).map_err(|_| KeepError::Damaged)?
            }
            None => Vec::new(),
        };
        Ok(Self { cell, names: Mutex::new(names) })
    }

    fn read(&self, name: &str) -> Result<Option<Stored>, KeepError> {
        let Some(bytes) = self.cell.state().get(&place(name)) else { return Ok(None) };
        let (version, sealed) =
            bytes.expose().split_first_chunk::<8>().ok_or(KeepError::Damaged)?;
        Ok(Some(Stored { version: u64::from_be_bytes(*version), sealed: sealed.to_vec() }))
    }

    /// The name is noted before the record: one that names nothing lists nothing.
    fn write(&self, name: &str, expected: Option<u64>, sealed: &[u8]) -> Result<u64, KeepError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read(name)?.map(|it| it.version) != expected {
            return Err(KeepError::Conflict);
        }
        let version = expected.unwrap_or(0).checked_add(1).ok_or(KeepError::Full)?;
        if let Err(at) = names.binary_search_by(|it| it.as_str().cmp(name)) {
            let mut more = names.clone();
            more.insert(at, name.to_owned());
            let bytes = serde_json::to_vec(&more).map_err(|_| KeepError::TooLarge)?;
            self.cell.state().put(NAMES, &bytes).map_err(|error| failed(&error))?;
            *names = more;
        }
        let bytes = [&version.to_be_bytes()[..], sealed].concat();
        self.cell.state().put(&place(name), &bytes).map_err(|error| failed(&error))?;
        Ok(version)
    }

    fn listed(&self, prefix: &str) -> Vec<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let there = |name: &&String| {
            name.starts_with(prefix) && self.cell.state().get(&place(name)).is_some()
        };
        names.iter().filter(there).cloned().collect()
    }

    fn take(
        &self,
        space: &str,
        id: &[u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, KeepError> {
        let _alone = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let place = format!("{ONCE}{space}");
        let known = self.cell.state().get(&place);
        let known = known.as_ref().map_or(&[][..], |bytes| bytes.expose());
        let (known, rest) = known.as_chunks::<ONCE_BYTES>();
        if !rest.is_empty() {
            return Err(KeepError::Damaged);
        }
        if known.iter().any(|entry| entry[..32] == id[..]) {
            return Ok(false);
        }
        let lasts = |entry: &&[u8; ONCE_BYTES]| entry[32..] >= now.seconds().to_be_bytes()[..];
        let mut kept: Vec<_> = known.iter().filter(lasts).copied().collect();
        if kept.len() >= ONCE_MAX {
            return Err(KeepError::Full);
        }
        let mut entry = [0; ONCE_BYTES];
        entry[..32].copy_from_slice(id);
        entry[32..].copy_from_slice(&until.seconds().to_be_bytes());
        kept.push(entry);
        let written = self.cell.state().put(&place, kept.as_flattened());
        written.map_err(|error| failed(&error)).map(|()| true)
    }
}

impl Keep for Embedded {
    fn get<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Stored>> {
        Box::pin(async { self.read(name) })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        expected: Option<u64>,
        sealed: &'a [u8],
    ) -> Answer<'a, u64> {
        Box::pin(async move { self.write(name, expected, sealed) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async { Ok(self.listed(prefix)) })
    }

    fn take_once<'a>(
        &'a self,
        space: &'a str,
        id: &'a [u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, bool> {
        Box::pin(async move { self.take(space, id, until, now) })
    }
}

/// A root key that lies in the cell's sealed state, which the TEE's secret opens.
pub struct SealedFile(Secret<[u8; 32]>);

impl SealedFile {
    /// The root key of `cell`; it is made if there is none yet.
    pub fn open(cell: &Cell) -> Result<Self, KeepError> {
        if let Some(bytes) = cell.state().get(ROOT) {
            let text = std::str::from_utf8(bytes.expose()).map_err(|_| KeepError::Damaged)?;
            let key = b64::decode_array(text).map_err(|_| KeepError::Damaged)?;
            return Ok(Self(Secret::new(key)));
        }
        let mut key = Zeroizing::new([0; 32]);
        Entropy.fill_bytes(&mut *key);
        let text = Zeroizing::new(b64::encode(*key));
        cell.state().put(ROOT, text.as_bytes()).map_err(|error| failed(&error))?;
        Ok(Self(Secret::new(*key)))
    }
}

impl RootKey for SealedFile {
    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> Answer<'a, Vec<u8>> {
        Box::pin(async {
            file::seal_bytes(&mut Entropy, &self.0, WRAPPED, key.expose())
                .map_err(|_| KeepError::TooLarge)
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> Answer<'a, Secret<[u8; 32]>> {
        Box::pin(async move {
            let key = file::open_bytes(&self.0, WRAPPED, wrapped);
            let key = Zeroizing::new(key.map_err(|_| KeepError::Damaged)?);
            let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| KeepError::Damaged)?;
            Ok(Secret::new(key))
        })
    }
}

fn place(name: &str) -> String {
    format!("{RECORDS}{name}")
}

const fn failed(error: &StateError) -> KeepError {
    match error {
        StateError::TooLarge => KeepError::Full,
        _ => KeepError::Unavailable,
    }
}
