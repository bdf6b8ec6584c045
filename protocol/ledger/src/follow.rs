//! Following a log from one visit to the next, as an outsider who keeps a checkpoint and the
//! right edge of the tree: only new lines are read, and the tree that they make on top of
//! what was seen must be the one that the log has signed. The log is believed in nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::{self, AuditRefusal, Files};
use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::frontier::Frontier;
use crate::hash::Hash;
use crate::note::LogKey;
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind, tiles_between, unbundle};
use crate::tree::split;

/// What a reader keeps of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The log's key.
    pub key: String,
    /// The signed checkpoint of the last visit.
    pub checkpoint: String,
    /// The tree's right edge under it.
    pub frontier: Frontier,
}

/// What a visit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The log's name.
    pub origin: String,
    /// How many lines there were at the last visit.
    pub from: u64,
    /// How many there are.
    pub size: u64,
    /// The root over them, recomputed.
    pub root: Hash,
    /// How many new lines of each event.
    pub events: BTreeMap<&'static str, u64>,
    /// How many files of new tiles and bundles were compared.
    pub tiles: u64,
}

/// Reads what is new in the log of `key`, checks it against what was `seen`, and says what is
/// to be kept. `marks` are further sizes with their roots (from cosigned checkpoints, say);
/// those that lie among the new lines must be this tree's.
pub fn follow(
    files: &impl Files,
    key: &LogKey,
    seen: Option<&Seen>,
    marks: &[(u64, Hash)],
    mut each: impl FnMut(u64, &Entry),
) -> Result<(Seen, Visit), AuditRefusal> {
    let checkpoint = audit::checkpoint(files, key)?;
    let mut frontier = seen.map_or_else(|| Ok(Frontier::new()), |seen| kept(seen, key))?;
    let (from, size) = (frontier.size(), checkpoint.size());
    if size < from {
        return Err(AuditRefusal::Shrunk { earlier: from, size });
    }
    let (mut events, mut tiles) = (BTreeMap::new(), 0);
    let mut checking = Checking { files, size, waiting: BTreeMap::new() };
    let beside = |refusal| match refusal {
        AuditRefusal::Tile(_) => unlike(files, key, from, refusal),
        refusal => refusal,
    };
    for bundle in tiles_between(from, size).filter(|tile| tile.kind() == TileKind::Entries) {
        marked(&frontier, marks)?;
        for (index, entry, leaf) in lines(files, &bundle)? {
            if index < frontier.size() {
                continue;
            }
            *events.entry(entry.event.name()).or_insert(0) += 1;
            each(index, &entry);
            frontier.push(leaf, |height, index, hash| checking.expect(height, index, hash));
            marked(&frontier, marks)?;
        }
        tiles += 1 + checking.check(false).map_err(beside)?;
    }
    if frontier.root() != *checkpoint.root() {
        return Err(unlike(files, key, from, AuditRefusal::Root));
    }
    tiles += checking.check(true).map_err(beside)?;
    let origin = checkpoint.origin().to_owned();
    let note = note(files)?;
    let root = frontier.root();
    let seen = Seen { key: key.to_string(), checkpoint: note, frontier };
    // The file may have been replaced since; what is kept must be what was checked.
    kept(&seen, key).map_err(|_| AuditRefusal::Root)?;
    Ok((seen, Visit { origin, from, size, root, events, tiles }))
}

/// The right edge, if it is that of the checkpoint that was kept with it.
fn kept(seen: &Seen, key: &LogKey) -> Result<Frontier, AuditRefusal> {
    let checkpoint = Checkpoint::open(&seen.checkpoint, key).map_err(AuditRefusal::Earlier)?;
    let frontier = &seen.frontier;
    let same = frontier.is_whole()
        && seen.key == key.to_string()
        && (frontier.size(), &frontier.root()) == (checkpoint.size(), checkpoint.root());
    if same { Ok(frontier.clone()) } else { Err(AuditRefusal::Kept) }
}

fn note(files: &impl Files) -> Result<String, AuditRefusal> {
    let path = audit::CHECKPOINT_PATH;
    let note = audit::read(files, path)?.ok_or_else(|| AuditRefusal::Missing(path.to_owned()))?;
    String::from_utf8(note).map_err(|_| AuditRefusal::Kept)
}

fn marked(frontier: &Frontier, marks: &[(u64, Hash)]) -> Result<(), AuditRefusal> {
    let size = frontier.size();
    let other = marks.iter().any(|(at, root)| *at == size && *root != frontier.root());
    if other { Err(AuditRefusal::Rewritten(size)) } else { Ok(()) }
}

/// The lines of a bundle with their indices and hashes.
fn lines(files: &impl Files, bundle: &Tile) -> Result<Vec<(u64, Entry, Hash)>, AuditRefusal> {
    let broken = || AuditRefusal::Bundle(bundle.to_string());
    let bytes = audit::read_tile(files, bundle)?;
    let leaves = unbundle(&bytes).map_err(|_| broken())?;
    if leaves.len() != usize::from(bundle.width()) {
        return Err(broken());
    }
    let read = |(index, leaf): (u64, &[u8])| {
        let entry =
            Entry::from_bytes(leaf).map_err(|source| AuditRefusal::Entry { index, source })?;
        Ok((index, entry, Hash::of_leaf(leaf)))
    };
    (bundle.index() * TILE_WIDTH..).zip(leaves).map(read).collect()
}

/// Why what is new does not fit to what was seen: the log is whole by itself and has another
/// past, or it is not whole.
fn unlike(files: &impl Files, key: &LogKey, from: u64, found: AuditRefusal) -> AuditRefusal {
    if from == 0 {
        return found;
    }
    match audit::audit(files, key, &audit::Expected::default(), |_, _| {}) {
        Ok(_) => AuditRefusal::Rewritten(from),
        Err(refusal) => refusal,
    }
}

/// The hashes that tiles must hold, until their files were looked at.
struct Checking<'a, F> {
    files: &'a F,
    size: u64,
    waiting: BTreeMap<Tile, Vec<(u64, Hash)>>,
}

impl<F: Files> Checking<'_, F> {
    /// A complete subtree; one in 256 levels of them stands in a tile.
    fn expect(&mut self, height: u32, index: u64, hash: &Hash) {
        if !height.is_multiple_of(TILE_HEIGHT) {
            return;
        }
        let Ok(level) = u8::try_from(height / TILE_HEIGHT) else { return };
        let (tile, place) = (index / TILE_WIDTH, index % TILE_WIDTH);
        if let Some(tile) = Tile::at(TileKind::Hashes(level), tile, self.size) {
            self.waiting.entry(tile).or_default().push((place, *hash));
        }
    }

    /// Compares the tiles whose last hash is known, or at the end all; how many.
    fn check(&mut self, all: bool) -> Result<u64, AuditRefusal> {
        let complete = |tile: &Tile, hashes: &[(u64, Hash)]| {
            let last = u64::from(tile.width()) - 1;
            all || hashes.last().is_some_and(|(place, _)| *place == last)
        };
        let ready: Vec<Tile> =
            self.waiting.iter().filter(|(t, h)| complete(t, h)).map(|(t, _)| *t).collect();
        for tile in &ready {
            let hashes = self.waiting.remove(tile).unwrap_or_default();
            let bytes = audit::read_tile(self.files, tile)?;
            let whole = bytes.len() == usize::from(tile.width()) * Hash::BYTES;
            let same = |(place, hash): &(u64, Hash)| hash_at(&bytes, *place).as_ref() == Some(hash);
            if !whole || !hashes.iter().all(same) {
                return Err(AuditRefusal::Tile(tile.to_string()));
            }
        }
        Ok(ready.len() as u64)
    }
}

fn hash_at(bytes: &[u8], place: u64) -> Option<Hash> {
    let start = usize::try_from(place).ok()?.checked_mul(Hash::BYTES)?;
    let bytes = bytes.get(start..)?.first_chunk()?;
    Some(Hash::from_bytes(*bytes))
}

/// The consistency proof from `old` to `new` lines out of a log's tiles of hashes. It proves
/// nothing before it was verified against both roots.
pub fn prove(files: &impl Files, old: u64, new: u64) -> Result<Vec<Hash>, AuditRefusal> {
    let mut path = Vec::new();
    if old > 0 && old < new {
        Proving { files, size: new }.subproof(old, 0, new, true, &mut path)?;
    }
    Ok(path)
}

/// RFC 6962, section 2.1.2, over tiles.
struct Proving<'a, F> {
    files: &'a F,
    size: u64,
}

impl<F: Files> Proving<'_, F> {
    fn subproof(
        &self,
        old: u64,
        start: u64,
        end: u64,
        whole: bool,
        path: &mut Vec<Hash>,
    ) -> Result<(), AuditRefusal> {
        if old == end - start {
            if !whole {
                path.push(self.range(start, end)?);
            }
            return Ok(());
        }
        let half = split(end - start);
        if old <= half {
            self.subproof(old, start, start + half, whole, path)?;
            path.push(self.range(start + half, end)?);
        } else {
            self.subproof(old - half, start + half, end, false, path)?;
            path.push(self.range(start, start + half)?);
        }
        Ok(())
    }

    fn range(&self, start: u64, end: u64) -> Result<Hash, AuditRefusal> {
        let width = end - start;
        if width.is_power_of_two() {
            return self.node(width.trailing_zeros(), start >> width.trailing_zeros());
        }
        let middle = start + split(width);
        Ok(Hash::of_node(&self.range(start, middle)?, &self.range(middle, end)?))
    }

    /// The complete subtree of `height` at `index`, from the tile that its parts stand in.
    fn node(&self, height: u32, index: u64) -> Result<Hash, AuditRefusal> {
        let (level, above) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        let first = index << above;
        let none = || AuditRefusal::Missing(format!("subtree {height}/{index}"));
        let kind = TileKind::Hashes(u8::try_from(level).map_err(|_| none())?);
        let tile = Tile::at(kind, first / TILE_WIDTH, self.size).ok_or_else(none)?;
        let bytes = audit::read_tile(self.files, &tile)?;
        let mut frontier = Frontier::new();
        for place in 0..1_u64 << above {
            let hash = hash_at(&bytes, first % TILE_WIDTH + place);
            frontier.push(hash.ok_or_else(|| AuditRefusal::Tile(tile.to_string()))?, |_, _, _| {});
        }
        Ok(frontier.root())
    }
}

#[cfg(test)]
mod tests;
