//! The proof that one line is in a log, to be kept beside what the line is about and
//! checked offline. It holds the line itself, the hashes up to a checkpoint, and the
//! checkpoint. It trusts nothing but the log's key, which the reader brings.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointRefusal};
use crate::entry::{Entry, EntryError};
use crate::hash::Hash;
use crate::note::LogKey;
use crate::proof::{MerkleRefusal, verify_inclusion};

/// A line with its proof, as JSON: what it claims is worth nothing before
/// [`LedgerProof::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerProof {
    /// The log's name.
    pub origin: String,
    /// Which line, from 0.
    pub index: u64,
    /// How many lines the checkpoint covers.
    pub size: u64,
    /// The line's canonical JSON, byte for byte.
    pub entry: String,
    /// The hashes from the leaf's sibling up to the root's child, in standard base64.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// The proof does not show that the line is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefusal {
    /// The checkpoint is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointRefusal),
    /// The proof names another log or size than its checkpoint.
    #[error("the proof and its checkpoint differ in origin or size")]
    Mismatch,
    /// The hashes do not lead to the checkpoint's root.
    #[error(transparent)]
    Merkle(#[from] MerkleRefusal),
    /// The line is in the log, but is no line that this code can read.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

impl ProofRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(refusal) => refusal.code(),
            Self::Mismatch => "ledger.proof_mismatch",
            Self::Merkle(refusal) => refusal.code(),
            Self::Entry(error) => error.code(),
        }
    }
}

impl LedgerProof {
    /// Verifies that the log of `key` signed a tree with this line at this index, and reads
    /// the line.
    pub fn verify(&self, key: &LogKey) -> Result<Entry, ProofRefusal> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        if checkpoint.origin() != self.origin || checkpoint.size() != self.size {
            return Err(ProofRefusal::Mismatch);
        }
        let leaf = Hash::of_leaf(self.entry.as_bytes());
        verify_inclusion(&leaf, self.index, self.size, &self.hashes, checkpoint.root())?;
        Ok(Entry::from_bytes(self.entry.as_bytes())?)
    }

    /// The same proof as text in the format C2SP tlog-proof, for other tools. The line
    /// itself travels beside it.
    pub fn to_tlog_proof(&self) -> String {
        let head = ["c2sp.org/tlog-proof@v1".to_owned(), format!("index {}", self.index)];
        let hashes = self.hashes.iter().map(ToString::to_string);
        let lines: Vec<String> = head.into_iter().chain(hashes).collect();
        format!("{}\n\n{}", lines.join("\n"), self.checkpoint)
    }
}

#[cfg(test)]
mod tests;
