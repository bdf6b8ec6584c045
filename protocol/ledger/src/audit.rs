//! The check of a whole log from its files alone: every line read and hashed anew, every
//! tile compared, the checkpoint's signature and root, and, where the reader kept them, an
//! older checkpoint and proofs of single lines. It belongs to auditors; the log's host is
//! believed in nothing. Files come through a trait, so nothing here touches a disk.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::checkpoint::{Checkpoint, CheckpointRefusal};
use crate::entry::{Entry, EntryError};
use crate::hash::Hash;
use crate::note::LogKey;
use crate::receipt::{LedgerProof, ProofRefusal};
use crate::tile::{TILE_WIDTH, Tile, TileKind, tiles_of, unbundle};
use crate::tree::Tree;

/// The checkpoint's path.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// Where a log's files are read from. Paths are relative, as in `tile/0/000.p/5`.
pub trait Files {
    /// The bytes of a file; none where there is no such file.
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>>;
}

impl<F: Fn(&str) -> std::io::Result<Option<Vec<u8>>>> Files for F {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        self(path)
    }
}

/// What the reader holds against the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// Checkpoints of this log from earlier visits, as signed notes.
    pub earlier: &'a [String],
    /// Proofs that the reader was given.
    pub proofs: &'a [LedgerProof],
}

/// What was found to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// How many lines it has.
    pub size: u64,
    /// The root over them, recomputed.
    pub root: Hash,
    /// How many lines of each event.
    pub events: BTreeMap<&'static str, u64>,
    /// How many files of tiles and bundles were compared.
    pub tiles: u64,
    /// The sizes of the earlier checkpoints that this log extends.
    pub extends: Vec<u64>,
    /// The indices of the proofs that are of this log.
    pub proven: Vec<u64>,
}

/// What does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditRefusal {
    /// A file could not be read.
    #[error("{path} could not be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that the checkpoint needs is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// The checkpoint is not the log's.
    #[error("checkpoint: {0}")]
    Checkpoint(#[source] CheckpointRefusal),
    /// A bundle is no bundle, or holds another number of lines.
    #[error("{0} is not an entry bundle of its width")]
    Bundle(String),
    /// A line is none.
    #[error("line {index}: {source}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        #[source]
        source: EntryError,
    },
    /// A tile does not hold the hashes of the lines.
    #[error("{0} does not hold the hashes of the lines")]
    Tile(String),
    /// The lines do not lead to the checkpoint's root.
    #[error("the lines do not lead to the checkpoint's root")]
    Root,
    /// An earlier checkpoint is not the log's.
    #[error("earlier checkpoint: {0}")]
    Earlier(#[source] CheckpointRefusal),
    /// The log had more lines once.
    #[error("the log has {size} lines and once had {earlier}")]
    Shrunk {
        /// Lines then.
        earlier: u64,
        /// Lines now.
        size: u64,
    },
    /// The log had other lines once.
    #[error("the first {0} lines are not those that the log once signed")]
    Rewritten(u64),
    /// What the reader kept of its last visit does not fit together.
    #[error("what was kept of the last visit is damaged")]
    Kept,
    /// A proof does not hold by itself.
    #[error("proof of line {index}: {source}")]
    Proof {
        /// Of which line.
        index: u64,
        /// Why.
        #[source]
        source: ProofRefusal,
    },
}

impl AuditRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "ledger.unreadable",
            Self::Missing(_) => "ledger.missing",
            Self::Checkpoint(refusal) | Self::Earlier(refusal) => refusal.code(),
            Self::Bundle(_) => "ledger.bundle",
            Self::Entry { source, .. } => source.code(),
            Self::Tile(_) => "ledger.tile",
            Self::Root => "ledger.root",
            Self::Shrunk { .. } => "ledger.shrunk",
            Self::Rewritten(_) => "ledger.rewritten",
            Self::Kept => "ledger.kept_damaged",
            Self::Proof { source, .. } => source.code(),
        }
    }
}

/// Checks the whole log of `key` in `files` against `expected`, line by line.
pub fn audit(
    files: &impl Files,
    key: &LogKey,
    expected: &Expected<'_>,
    mut each: impl FnMut(u64, &Entry),
) -> Result<Report, AuditRefusal> {
    let checkpoint = checkpoint(files, key)?;
    let size = checkpoint.size();
    let (mut tree, mut events) = (Tree::new(), BTreeMap::new());
    for tile in tiles_of(size).filter(|tile| tile.kind() == TileKind::Entries) {
        for entry in read_bundle(files, &tile, &mut tree)? {
            *events.entry(entry.1.event.name()).or_insert(0) += 1;
            each(entry.0, &entry.1);
        }
    }
    if tree.root() != *checkpoint.root() {
        return Err(AuditRefusal::Root);
    }
    Ok(Report {
        origin: checkpoint.origin().to_owned(),
        size,
        root: tree.root(),
        events,
        tiles: compare_tiles(files, &tree)?,
        extends: check_earlier(expected.earlier, key, &tree)?,
        proven: check_proofs(expected.proofs, key, &tree)?,
    })
}

pub(crate) fn checkpoint(files: &impl Files, key: &LogKey) -> Result<Checkpoint, AuditRefusal> {
    let note = read(files, CHECKPOINT_PATH)?;
    let note = note.ok_or_else(|| AuditRefusal::Missing(CHECKPOINT_PATH.to_owned()))?;
    let malformed = |_| AuditRefusal::Checkpoint(CheckpointRefusal::Malformed);
    let note = String::from_utf8(note).map_err(malformed)?;
    Checkpoint::open(&note, key).map_err(AuditRefusal::Checkpoint)
}

pub(crate) fn read(files: &impl Files, path: &str) -> Result<Option<Vec<u8>>, AuditRefusal> {
    let unreadable = |source| AuditRefusal::Unreadable { path: path.to_owned(), source };
    files.read(path).map_err(unreadable)
}

/// A tile's file, or the full one that has replaced it since.
pub(crate) fn read_tile(files: &impl Files, tile: &Tile) -> Result<Vec<u8>, AuditRefusal> {
    if let Some(bytes) = read(files, &tile.to_string())? {
        return Ok(bytes);
    }
    let full = read(files, &tile.full().to_string())?;
    let bytes = full.ok_or_else(|| AuditRefusal::Missing(tile.to_string()))?;
    first_of(tile, bytes).ok_or_else(|| AuditRefusal::Tile(tile.full().to_string()))
}

/// The part of a full tile or bundle that `tile` is.
fn first_of(tile: &Tile, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let width = usize::from(tile.width());
    let length = match tile.kind() {
        TileKind::Hashes(_) => width * Hash::BYTES,
        TileKind::Entries => {
            unbundle(&bytes).ok()?.iter().take(width).map(|entry| 2 + entry.len()).sum()
        }
    };
    (length <= bytes.len()).then(|| bytes.truncate(length))?;
    Some(bytes)
}

/// Reads a bundle's lines and appends them to `tree`.
fn read_bundle(
    files: &impl Files,
    tile: &Tile,
    tree: &mut Tree,
) -> Result<Vec<(u64, Entry)>, AuditRefusal> {
    let bytes = read_tile(files, tile)?;
    let leaves = unbundle(&bytes).map_err(|_| AuditRefusal::Bundle(tile.to_string()))?;
    if leaves.len() != usize::from(tile.width()) {
        return Err(AuditRefusal::Bundle(tile.to_string()));
    }
    let mut entries = Vec::with_capacity(leaves.len());
    for (index, leaf) in (tile.index() * TILE_WIDTH..).zip(leaves) {
        let entry = Entry::from_bytes(leaf);
        entries.push((index, entry.map_err(|source| AuditRefusal::Entry { index, source })?));
        tree.push(Hash::of_leaf(leaf));
    }
    Ok(entries)
}

/// Compares every file of hashes with the recomputed tree; the number of files, bundles
/// (which the tree was computed from) included.
fn compare_tiles(files: &impl Files, tree: &Tree) -> Result<u64, AuditRefusal> {
    let mut compared = 0;
    for tile in tiles_of(tree.size()) {
        compared += 1;
        if tile.kind() != TileKind::Entries && Some(read_tile(files, &tile)?) != tree.tile(&tile) {
            return Err(AuditRefusal::Tile(tile.to_string()));
        }
    }
    Ok(compared)
}

fn check_earlier(notes: &[String], key: &LogKey, tree: &Tree) -> Result<Vec<u64>, AuditRefusal> {
    let check = |note: &String| {
        let earlier = Checkpoint::open(note, key).map_err(AuditRefusal::Earlier)?;
        same_tree(&earlier, tree)?;
        Ok(earlier.size())
    };
    notes.iter().map(check).collect()
}

/// Whether `tree` extends the tree that `earlier` was signed for.
fn same_tree(earlier: &Checkpoint, tree: &Tree) -> Result<(), AuditRefusal> {
    let (earlier_size, size) = (earlier.size(), tree.size());
    match tree.root_at(earlier_size) {
        None => Err(AuditRefusal::Shrunk { earlier: earlier_size, size }),
        Some(root) if root != *earlier.root() => Err(AuditRefusal::Rewritten(earlier_size)),
        Some(_) => Ok(()),
    }
}

/// A proof counts if it holds by itself and its checkpoint is of this very log.
fn check_proofs(
    proofs: &[LedgerProof],
    key: &LogKey,
    tree: &Tree,
) -> Result<Vec<u64>, AuditRefusal> {
    let check = |proof: &LedgerProof| {
        let index = proof.index;
        let refused = |source| AuditRefusal::Proof { index, source };
        proof.verify(key).map_err(refused)?;
        let signed = Checkpoint::open(&proof.checkpoint, key);
        same_tree(&signed.map_err(AuditRefusal::Earlier)?, tree)?;
        Ok(index)
    };
    proofs.iter().map(check).collect()
}

#[cfg(test)]
pub(crate) mod tests;
