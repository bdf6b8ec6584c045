//! Records in clear on this side, sealed on the other. The broker's. Each version of a
//! record is sealed under a key of its own, wrapped under the root key, and bound to its
//! name and version: whoever has the store can lose a record, and cannot swap two.
//!
//! A sealed record is the length of the wrapped key (2 bytes, big-endian), that key, and a
//! sealed file (`protocol/seal/src/file.rs`) for the context `keep:NAME:VERSION`.

use std::sync::Arc;

use autoclave_base::{Secret, UnixTime};
use autoclave_cell::Entropy;
use autoclave_seal::file;
use rand::Rng as _;
use zeroize::Zeroizing;

use super::{Keep, KeepError, NAME_BYTES_MAX, RECORD_BYTES_MAX, RootKey};

/// A record in clear.
#[derive(Clone)]
pub struct Opened {
    /// Its version.
    pub version: u64,
    /// What was put.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// A store with the root key that seals what goes there.
#[derive(Clone)]
pub struct Kept {
    keep: Arc<dyn Keep>,
    root: Arc<dyn RootKey>,
}

impl Kept {
    /// Records in `keep`, under `root`.
    pub fn new(keep: Arc<dyn Keep>, root: Arc<dyn RootKey>) -> Self {
        Self { keep, root }
    }

    /// The record of that name.
    pub async fn get(&self, name: &str) -> Result<Option<Opened>, KeepError> {
        let Some(stored) = self.keep.get(name).await? else { return Ok(None) };
        let (wrapped, sealed) = split(&stored.sealed).ok_or(KeepError::Damaged)?;
        let key = self.root.unwrap(wrapped).await?;
        let bytes = file::open_bytes(&key, &context(name, stored.version), sealed)
            .map_err(|_| KeepError::Damaged)?;
        Ok(Some(Opened { version: stored.version, bytes: Zeroizing::new(bytes) }))
    }

    /// Writes a record over its version `expected`, or the first one; durable when it
    /// returns the new version.
    pub async fn put(
        &self,
        name: &str,
        expected: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, KeepError> {
        if bytes.len() > RECORD_BYTES_MAX || name.len() > NAME_BYTES_MAX {
            return Err(KeepError::TooLarge);
        }
        let version = expected.unwrap_or(0).checked_add(1).ok_or(KeepError::Full)?;
        let mut key = Zeroizing::new([0; 32]);
        Entropy.fill_bytes(&mut *key);
        let key = Secret::new(*key);
        let wrapped = self.root.wrap(&key).await?;
        let length = u16::try_from(wrapped.len()).map_err(|_| KeepError::TooLarge)?;
        let sealed = file::seal_bytes(&mut Entropy, &key, &context(name, version), bytes)
            .map_err(|_| KeepError::TooLarge)?;
        let sealed = [&length.to_be_bytes()[..], &wrapped, &sealed].concat();
        self.keep.put(name, expected, &sealed).await
    }

    /// The names that begin with `prefix`, in order.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, KeepError> {
        self.keep.list(prefix).await
    }

    /// As [`Keep::take_once`].
    pub async fn take_once(
        &self,
        space: &str,
        id: &[u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<bool, KeepError> {
        self.keep.take_once(space, id, until, now).await
    }
}

fn context(name: &str, version: u64) -> String {
    format!("keep:{name}:{version}")
}

fn split(sealed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = sealed.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
