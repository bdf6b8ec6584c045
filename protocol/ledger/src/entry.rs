//! A ledger line as bytes: canonical JSON (RFC 8785) of version, time and event. It is the
//! leaf of the tree, so there is exactly one spelling of each line, and a reader refuses
//! every other. Nothing here decides what may happen.

use autoclave_base::{UnixTime, jcs};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::label::RULES_MAX;

/// Longest line: an entry bundle prefixes each entry with a 16-bit length.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// The format of a line.
const VERSION: u8 = 1;

/// One line: when what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, by the clock of the enclave that wrote it.
    pub time: UnixTime,
    /// What.
    pub event: Event,
}

/// The bytes are no line, or the line has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// More than [`ENTRY_BYTES_MAX`] bytes or [`RULES_MAX`] rules.
    #[error("the ledger line is too large")]
    TooLarge,
    /// Not a known event in JSON.
    #[error("the ledger line is not an event in JSON")]
    Malformed,
    /// A version that this code does not know.
    #[error("the ledger line has an unknown version")]
    Version,
    /// JSON of an event, but not in its one spelling.
    #[error("the ledger line is not canonical")]
    NotCanonical,
}

impl EntryError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "ledger.entry_too_large",
            Self::Malformed => "ledger.entry_malformed",
            Self::Version => "ledger.entry_version",
            Self::NotCanonical => "ledger.entry_not_canonical",
        }
    }
}

/// The members of a line, those of its event among them.
#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    time: UnixTime,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Read {
    v: u8,
    time: UnixTime,
    #[serde(flatten)]
    event: Event,
}

impl Entry {
    /// The line's canonical bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        if self.event.rules().len() > RULES_MAX {
            return Err(EntryError::TooLarge);
        }
        let written = Written { v: VERSION, time: self.time, event: &self.event };
        let bytes = jcs::to_vec(&written).map_err(|_| EntryError::Malformed)?;
        if bytes.len() > ENTRY_BYTES_MAX { Err(EntryError::TooLarge) } else { Ok(bytes) }
    }

    /// Reads a line; unknown members, other spellings and other versions are refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLarge);
        }
        let read: Read = serde_json::from_slice(bytes).map_err(|_| EntryError::Malformed)?;
        if read.v != VERSION {
            return Err(EntryError::Version);
        }
        let entry = Self { time: read.time, event: read.event };
        if entry.to_bytes()? == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }
}

#[cfg(test)]
mod tests;
