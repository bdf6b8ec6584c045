//! What a witness decides (C2SP tlog-witness, `add-checkpoint`), and what two witnesses see
//! when they compare what a log told them. Pure: the caller keeps the latest checkpoint of
//! each log, makes it durable before it signs, and is the only one who writes it. A witness
//! never goes back, and never cosigns two checkpoints that contradict each other.

use crate::checkpoint::{Checkpoint, CheckpointRefusal};
use crate::hash::Hash;
use crate::note::{LogKey, NOTE_BYTES_MAX};
use crate::proof::{MerkleRefusal, verify_consistency};

/// Most hashes of a consistency proof (tlog-witness).
pub const PROOF_LINES_MAX: usize = 63;

/// Longest request: a note, a size and a proof.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * 64;

/// What a log sends to a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Lines of the checkpoint that the witness has.
    pub old: u64,
    /// The proof from there to the new one.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddRefusal {
    /// Not of the form of a request.
    #[error("not an add-checkpoint request")]
    Malformed,
    /// More lines before than after.
    #[error("the old size is larger than the checkpoint's")]
    OldSize,
    /// The witness knows no such log.
    #[error("the witness does not know this log")]
    UnknownLog,
    /// The log did not sign it.
    #[error("the checkpoint is not signed by the log")]
    Signature,
    /// The witness has another checkpoint as its latest.
    #[error("the witness has cosigned {0} lines")]
    Conflict(u64),
    /// The same size and other lines: the log has forked.
    #[error("the log signed two different trees of {0} lines")]
    Forked(u64),
    /// The proof does not hold.
    #[error("the consistency proof does not hold")]
    Proof(MerkleRefusal),
}

impl AddRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "witness.malformed",
            Self::OldSize => "witness.old_size",
            Self::UnknownLog => "witness.unknown_log",
            Self::Signature => "witness.signature",
            Self::Conflict(_) => "witness.conflict",
            Self::Forked(_) => "witness.forked",
            Self::Proof(_) => "witness.proof",
        }
    }

    /// The status that tlog-witness asks for.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed | Self::OldSize => 400,
            Self::UnknownLog => 404,
            Self::Signature => 403,
            Self::Conflict(_) | Self::Forked(_) => 409,
            Self::Proof(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Reads a request's body.
    pub fn parse(text: &str) -> Result<Self, AddRefusal> {
        if text.len() > REQUEST_BYTES_MAX {
            return Err(AddRefusal::Malformed);
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(AddRefusal::Malformed)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(decimal).ok_or(AddRefusal::Malformed)?;
        let proof: Result<Vec<Hash>, _> = lines.map(str::parse).collect();
        let proof = proof.map_err(|_| AddRefusal::Malformed)?;
        if proof.len() > PROOF_LINES_MAX {
            return Err(AddRefusal::Malformed);
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// The request's body.
    pub fn to_text(&self) -> String {
        let hashes = self.proof.iter().map(|hash| format!("{hash}\n"));
        format!("old {}\n{}\n{}", self.old, hashes.collect::<String>(), self.checkpoint)
    }

    /// The origin that the checkpoint names; worth nothing before its signature was checked.
    pub fn claimed_origin(&self) -> Option<&str> {
        self.checkpoint.split('\n').next().filter(|line| !line.is_empty())
    }
}

/// A decimal number without leading zeroes.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}

/// Decides about `asked`, of the log of `key`, for a witness whose latest checkpoint of it is
/// `latest`. What comes back is to be made durable as the latest one, and then cosigned.
pub fn decide(
    asked: &AddCheckpoint,
    key: &LogKey,
    latest: Option<&Checkpoint>,
) -> Result<Checkpoint, AddRefusal> {
    let new = Checkpoint::open(&asked.checkpoint, key).map_err(|refusal| match refusal {
        CheckpointRefusal::Malformed => AddRefusal::Malformed,
        CheckpointRefusal::Signature | CheckpointRefusal::Origin => AddRefusal::Signature,
    })?;
    if asked.old > new.size() {
        return Err(AddRefusal::OldSize);
    }
    let nothing = Hash::of_nothing();
    let (size, root) = latest.map_or((0, &nothing), |latest| (latest.size(), latest.root()));
    if asked.old != size {
        return Err(AddRefusal::Conflict(size));
    }
    if size == new.size() && root != new.root() {
        return Err(AddRefusal::Forked(size));
    }
    let held = verify_consistency((size, root), (new.size(), new.root()), &asked.proof);
    held.map_err(AddRefusal::Proof)?;
    Ok(new)
}

/// What two checkpoints of one log say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Two trees of one size: the log has forked, and both signatures prove it.
    Contradict,
    /// They are the same, or the proof shows that the smaller is a part of the larger.
    Agree,
    /// They are of different sizes, and whether one extends the other needs a proof.
    Open,
    /// The log's own tree leads to the larger, and the smaller is not a part of it.
    Apart,
}

/// Compares two checkpoints that the log has signed, with a proof from the smaller to the
/// larger where there is one.
pub fn compare(one: &Checkpoint, other: &Checkpoint, proof: Option<&[Hash]>) -> Compared {
    if one.size() == other.size() {
        return if one.root() == other.root() { Compared::Agree } else { Compared::Contradict };
    }
    let (small, large) = if one.size() < other.size() { (one, other) } else { (other, one) };
    let Some(proof) = proof else { return Compared::Open };
    let (old, new) = ((small.size(), small.root()), (large.size(), large.root()));
    if verify_consistency(old, new, proof).is_ok() { Compared::Agree } else { Compared::Apart }
}

#[cfg(test)]
mod tests;
