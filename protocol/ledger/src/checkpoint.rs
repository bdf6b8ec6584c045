//! Checkpoints (C2SP tlog-checkpoint): origin, size and root of a log, signed by it. A log
//! signs one only when every line under it is durable. A [`Checkpoint`] is made from a
//! verified signature and from nothing else.

use autoclave_base::Secret;
use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::hash::Hash;
use crate::note::{self, KeyRefusal, LogKey, NoteRefusal};

/// A log's state that the log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// The text is no checkpoint of this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointRefusal {
    /// Neither a signed note nor a checkpoint in it.
    #[error("not a checkpoint")]
    Malformed,
    /// The log's key did not sign it, or falsely.
    #[error("the checkpoint is not signed by the log's key")]
    Signature,
    /// Signed by the key, for a log of another name.
    #[error("the checkpoint is of another log")]
    Origin,
}

impl CheckpointRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "ledger.checkpoint_malformed",
            Self::Signature => "ledger.checkpoint_signature",
            Self::Origin => "ledger.checkpoint_origin",
        }
    }
}

impl From<NoteRefusal> for CheckpointRefusal {
    fn from(refusal: NoteRefusal) -> Self {
        match refusal {
            NoteRefusal::Malformed => Self::Malformed,
            NoteRefusal::Unsigned | NoteRefusal::Signature => Self::Signature,
        }
    }
}

impl Checkpoint {
    /// Verifies that `key` signed `note`, then reads it.
    pub fn open(note: &str, key: &LogKey) -> Result<Self, CheckpointRefusal> {
        let text = key.open(note)?;
        let mut lines = text.split_terminator('\n');
        let mut line =
            || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointRefusal::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        if lines.any(str::is_empty) {
            return Err(CheckpointRefusal::Malformed);
        }
        if origin != key.name() {
            return Err(CheckpointRefusal::Origin);
        }
        let root = root.parse().map_err(|_| CheckpointRefusal::Malformed)?;
        Ok(Self { origin: origin.to_owned(), size: parse_size(size)?, root })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many lines the log had.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub const fn root(&self) -> &Hash {
        &self.root
    }
}

/// A decimal number without leading zeroes.
fn parse_size(text: &str) -> Result<u64, CheckpointRefusal> {
    let size: u64 = text.parse().map_err(|_| CheckpointRefusal::Malformed)?;
    if size.to_string() == text { Ok(size) } else { Err(CheckpointRefusal::Malformed) }
}

/// The private key of a log, under the log's name.
#[derive(Clone)]
pub struct LogSigner {
    public: LogKey,
    key: SigningKey,
}

impl LogSigner {
    /// The log `origin` that signs with `key`.
    pub fn new(origin: &str, key: SigningKey) -> Result<Self, KeyRefusal> {
        Ok(Self { public: LogKey::new(origin, key.verifying_key())?, key })
    }

    /// The key that verifies what this one signs.
    pub const fn public(&self) -> &LogKey {
        &self.public
    }

    /// Another secret of this log, for `purpose`: HMAC-SHA256 under the private key
    /// (HKDF-Extract is just that, RFC 5869). Tells nothing about the key.
    pub fn derive(&self, purpose: &str) -> Secret<[u8; 32]> {
        Secret::new(Hkdf::<Sha256>::extract(Some(self.key.as_bytes()), purpose.as_bytes()).0.into())
    }

    /// The signed checkpoint of `size` and `root`. The caller has made every line under it
    /// durable, and never signs two that contradict each other.
    pub fn sign(&self, size: u64, root: &Hash) -> String {
        let text = format!("{}\n{size}\n{root}\n", self.public.name());
        note::sign(&text, &self.public, &self.key)
    }
}

#[cfg(test)]
pub(crate) mod tests;
