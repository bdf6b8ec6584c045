//! Checks of Merkle proofs by roots alone: RFC 9162, sections 2.1.3.2 and 2.1.4.2, which
//! spell out the algorithms for the proofs of RFC 6962. They never look at a log.

use crate::hash::Hash;

/// The hashes do not prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleRefusal {
    /// The index or the sizes cannot be.
    #[error("the proof's index or sizes are impossible")]
    Range,
    /// Too few or too many hashes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

impl MerkleRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Range => "ledger.proof_range",
            Self::Length => "ledger.proof_length",
            Self::Root => "ledger.proof_root",
        }
    }
}

/// Whether `hashes` lead from the leaf `leaf` at `index` to `root` over `size` leaves.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    hashes: &[Hash],
    root: &Hash,
) -> Result<(), MerkleRefusal> {
    if index >= size {
        return Err(MerkleRefusal::Range);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in hashes {
        if last == 0 {
            return Err(MerkleRefusal::Length);
        }
        if node % 2 == 1 || node == last {
            hash = Hash::of_node(sibling, &hash);
            skip_missing(&mut node, &mut last);
        } else {
            hash = Hash::of_node(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(MerkleRefusal::Length);
    }
    if hash == *root { Ok(()) } else { Err(MerkleRefusal::Root) }
}

/// Whether `hashes` prove that the tree of `old` leaves under `old_root` is a prefix of
/// that of `new` leaves under `new_root`. Every tree extends the empty one.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    hashes: &[Hash],
) -> Result<(), MerkleRefusal> {
    if old > new {
        return Err(MerkleRefusal::Range);
    }
    if old == 0 || old == new {
        let same = if old == 0 { *old_root == Hash::of_nothing() } else { old_root == new_root };
        return match (hashes.is_empty(), same) {
            (false, _) => Err(MerkleRefusal::Length),
            (true, false) => Err(MerkleRefusal::Root),
            (true, true) => Ok(()),
        };
    }
    let roots = if old.is_power_of_two() {
        climb(old, new, *old_root, hashes)?
    } else {
        let (first, rest) = hashes.split_first().ok_or(MerkleRefusal::Length)?;
        climb(old, new, *first, rest)?
    };
    if roots == (*old_root, *new_root) { Ok(()) } else { Err(MerkleRefusal::Root) }
}

/// Follows a consistency proof from `first` up to both roots.
fn climb(old: u64, new: u64, first: Hash, rest: &[Hash]) -> Result<(Hash, Hash), MerkleRefusal> {
    let (mut node, mut last) = (old - 1, new - 1);
    while node % 2 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(MerkleRefusal::Length);
        }
        if node % 2 == 1 || node == last {
            old_hash = Hash::of_node(sibling, &old_hash);
            new_hash = Hash::of_node(sibling, &new_hash);
            skip_missing(&mut node, &mut last);
        } else {
            new_hash = Hash::of_node(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 { Ok((old_hash, new_hash)) } else { Err(MerkleRefusal::Length) }
}

/// Climbs past the levels at which the rightmost node has no sibling.
fn skip_missing(node: &mut u64, last: &mut u64) {
    while node.is_multiple_of(2) && *node != 0 {
        (*node, *last) = (*node >> 1, *last >> 1);
    }
}

#[cfg(test)]
mod tests;
