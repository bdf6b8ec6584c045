//! What writer, publisher and readers of a ledger share: the tree, where each line lies in
//! the journal, and the latest signed head. Only the writer changes it, and only after the
//! journal is durable.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use autoclave_ledger::{Hash, LedgerProof, LogSigner, TILE_WIDTH, Tile, TileKind, Tree, bundle};

use super::disk::Disk;
use super::recover::Recovered;

/// What the journal's key is derived for.
pub(super) const JOURNAL_LABEL: &str = "autoclave ledger journal v1";

/// Where a line lies in the journal. 16 bytes per line, beside 64 for the tree: a ledger
/// of ten million lines takes 800 MB of memory, and is then to be continued in another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    offset: u64,
    length: u32,
}

impl Place {
    pub(super) fn new(offset: u64, length: usize) -> Self {
        Self { offset, length: u32::try_from(length).unwrap_or(u32::MAX) }
    }
}

/// A size whose lines are durable, with its signed checkpoint.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) checkpoint: String,
}

pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    signer: LogSigner,
    state: RwLock<State>,
    /// The latest checkpoint that witnesses have cosigned, and with which signatures.
    cosigned: RwLock<Option<Arc<str>>>,
    grown: watch::Sender<u64>,
}

struct State {
    tree: Tree,
    places: Vec<Place>,
    head: Arc<Head>,
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, signer: LogSigner, found: &Recovered) -> Self {
        let (tree, places) = (found.tree.clone(), found.places.clone());
        let head = Arc::new(sign(&signer, &tree));
        let (grown, cosigned) = (watch::Sender::new(head.size), RwLock::default());
        Self { disk, signer, state: RwLock::new(State { tree, places, head }), cosigned, grown }
    }

    /// Learns of each new size.
    pub(super) fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// The latest cosigned checkpoint.
    pub(super) fn cosigned(&self) -> Option<Arc<str>> {
        self.cosigned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows a cosigned checkpoint from now on.
    pub(super) fn set_cosigned(&self, note: Arc<str>) {
        *self.cosigned.write().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }

    /// The proof that the tree of `old` lines is a part of that of `new` lines.
    pub(super) fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        self.read(|state| state.tree.consistency(old, new))
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(super) const fn signer(&self) -> &LogSigner {
        &self.signer
    }

    pub(super) fn head(&self) -> Arc<Head> {
        self.read(|state| Arc::clone(&state.head))
    }

    /// The root that the next frame follows.
    pub(super) fn root(&self) -> Hash {
        self.read(|state| state.tree.root())
    }

    /// Takes lines that are durable, and signs the tree that they make.
    pub(super) fn extend(&self, lines: Vec<(Hash, Place)>) -> Arc<Head> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (leaf, place) in lines {
            state.tree.push(leaf);
            state.places.push(place);
        }
        state.head = Arc::new(sign(&self.signer, &state.tree));
        self.grown.send_replace(state.head.size);
        Arc::clone(&state.head)
    }

    /// The proof that line `index`, which is `entry`, is under `head`.
    pub(super) fn prove(&self, index: u64, head: &Head, entry: &[u8]) -> Option<LedgerProof> {
        let hashes = self.read(|state| state.tree.inclusion(index, head.size))?;
        Some(LedgerProof {
            origin: self.signer.public().name().to_owned(),
            index,
            size: head.size,
            entry: String::from_utf8(entry.to_vec()).ok()?,
            hashes,
            checkpoint: head.checkpoint.clone(),
        })
    }

    /// Line `index` as the journal has it; none where that is not what was written.
    pub(super) fn entry(&self, index: u64) -> Option<Vec<u8>> {
        let at = usize::try_from(index).ok()?;
        let (place, leaf) =
            self.read(|state| Some((*state.places.get(at)?, state.tree.leaf(index)?)))?;
        let mut entry = vec![0; usize::try_from(place.length).ok()?];
        self.disk.journal_read(place.offset, &mut entry).ok()?;
        (Hash::of_leaf(&entry) == leaf).then_some(entry)
    }

    /// The bytes of a tile or bundle; none where the log has not all of it.
    pub(super) fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        if tile.kind() != TileKind::Entries {
            return self.read(|state| state.tree.tile(tile));
        }
        let start = tile.index().checked_mul(TILE_WIDTH)?;
        let indices = start..start.checked_add(u64::from(tile.width()))?;
        let entries: Option<Vec<_>> = indices.map(|index| self.entry(index)).collect();
        bundle(entries?).ok()
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sign(signer: &LogSigner, tree: &Tree) -> Head {
    Head { size: tree.size(), checkpoint: signer.sign(tree.size(), &tree.root()) }
}
