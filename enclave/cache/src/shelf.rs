//! The values, each below its caller's name. The cache's. A caller is the chain of
//! workloads that it comes with, so that what one clinic keeps another cannot even ask for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use autoclave_attest::chain::VerifiedChain;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::cache::{Bounds, Memory};
use axum::body::Bytes;

/// Bounds of all callers together: a day's results of a large hospital.
const BOUNDS: Bounds = Bounds { entries: 65_536, bytes: 256 * 1024 * 1024 };

/// All values.
pub(crate) struct Shelf(Mutex<Memory>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Mutex::new(Memory::new(BOUNDS)))
    }
}

impl Shelf {
    pub(crate) fn get(&self, place: &Digest, now: UnixTime) -> Option<Bytes> {
        self.lock().get(place, now)
    }

    pub(crate) fn put(&self, place: Digest, value: Bytes, end: UnixTime, now: UnixTime) {
        self.lock().put(place, value, end, now);
    }

    pub(crate) fn remove(&self, place: &Digest) {
        self.lock().remove(place);
    }

    /// Entries are changed by single steps; a panic elsewhere leaves them whole.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a caller's value of that name is.
pub(crate) fn place(caller: &VerifiedChain, name: &Digest) -> Digest {
    let names = caller.tokens().iter().map(|token| token.workload().as_str().as_bytes());
    let parts: Vec<&[u8]> =
        [&b"cache place v1"[..], name.bytes()].into_iter().chain(names).collect();
    Digest::of_parts(&parts)
}
