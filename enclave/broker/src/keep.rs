//! Where the broker keeps what must outlive it: named records with versions, and ids that
//! count once. The broker's; the default is its sealed state, and a database may stand
//! behind the same trait. Nothing in clear ever reaches a [`Keep`]: [`Kept`] seals it first.

mod embedded;
mod kept;
mod pkcs11;
mod postgres;

#[cfg(test)]
mod tests;

use autoclave_base::{Secret, UnixTime};
use futures::future::BoxFuture;

pub use embedded::{Embedded, SealedFile};
pub use kept::{Kept, Opened};
pub use pkcs11::{Pkcs11, TokenError};
pub use postgres::{DatabaseError, Postgres};

#[cfg(test)]
pub(crate) use postgres::database;

/// Longest record: a resource of some hundred kilobytes, sealed.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Longest name of a record.
pub const NAME_BYTES_MAX: usize = 256;

/// Why a record was not read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// Another version stands there than the one that was expected: somebody was faster.
    #[error("the record was changed meanwhile")]
    Conflict,
    /// The store or the token of the root key does not answer.
    #[error("the store does not answer")]
    Unavailable,
    /// What was read is not what was written: altered, swapped, or under another root key.
    #[error("the record does not open")]
    Damaged,
    /// More than [`RECORD_BYTES_MAX`], or a name longer than [`NAME_BYTES_MAX`].
    #[error("the record is too large")]
    TooLarge,
    /// No room for one more.
    #[error("the store is full")]
    Full,
}

impl KeepError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Conflict => "keep.conflict",
            Self::Unavailable => "keep.unavailable",
            Self::Damaged => "keep.damaged",
            Self::TooLarge => "keep.too_large",
            Self::Full => "keep.full",
        }
    }
}

/// What a store answers, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, KeepError>>;

/// A record as a store has it: sealed bytes under a version that only grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// 1 for the first.
    pub version: u64,
    /// What [`Kept`] sealed.
    pub sealed: Vec<u8>,
}

/// A store of sealed records. All replicas of a broker share one; what one of them wrote
/// when a call returned, the others read afterwards.
pub trait Keep: Send + Sync {
    /// The record of that name.
    fn get<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Stored>>;

    /// Writes a record, if its version is `expected` (`None`: there is none yet); durable
    /// when it returns. The new version is one more than the expected one, from 1.
    fn put<'a>(&'a self, name: &'a str, expected: Option<u64>, sealed: &'a [u8])
    -> Answer<'a, u64>;

    /// The names that begin with `prefix`, in order.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>>;

    /// Whether `id` was not taken before in `space`; it is taken from now on, in all
    /// replicas and across restarts, until `until`. After that nobody asks any more.
    fn take_once<'a>(
        &'a self,
        space: &'a str,
        id: &'a [u8; 32],
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, bool>;
}

/// The key under which the records' keys are wrapped. It never leaves its place.
pub trait RootKey: Send + Sync {
    /// Wraps a record's key.
    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> Answer<'a, Vec<u8>>;

    /// Unwraps it again.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> Answer<'a, Secret<[u8; 32]>>;
}
