//! The Merkle tree of RFC 6962, section 2.1, kept as all its complete subtrees: 64 bytes
//! per line, and every root, proof and tile of every size up to the present one is a
//! look-up of at most 64 hashes. It only grows.

use crate::hash::Hash;
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};

/// A tree that lines are appended to.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[k][i]` is the hash over the leaves `i << k .. (i + 1) << k`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends the leaf whose hash is `leaf`.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[height];
            level.push(hash);
            if level.len() % 2 == 1 {
                return;
            }
            hash = Hash::of_node(&level[level.len() - 2], &level[level.len() - 1]);
        }
    }

    /// Takes leaves away until `size` remain, as if they had never been appended.
    pub fn truncate(&mut self, size: u64) {
        for (height, level) in self.levels.iter_mut().enumerate() {
            level.truncate(at(size >> height));
        }
    }

    /// The root now.
    pub fn root(&self) -> Hash {
        self.root_at(self.size()).unwrap_or_else(Hash::of_nothing)
    }

    /// The root when there were `size` leaves; none while there are fewer.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        match size {
            0 => Some(Hash::of_nothing()),
            _ if size > self.size() => None,
            _ => Some(self.range(0, size)),
        }
    }

    /// The hash of leaf `index`.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels.first()?.get(at(index)).copied()
    }

    /// The proof that leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1).
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let mut path = Vec::new();
        self.path(index, 0, size, &mut path);
        Some(path)
    }

    /// The proof that the tree of `old` leaves is a prefix of that of `new` leaves
    /// (RFC 6962, 2.1.2). Empty where `old` is 0 or `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old > new || new > self.size() {
            return None;
        }
        let mut path = Vec::new();
        if old > 0 {
            self.subproof(old, 0, new, true, &mut path);
        }
        Some(path)
    }

    /// The bytes of a tile of hashes, once the tree has all of it. None for entry bundles:
    /// the tree holds no entries.
    pub fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        let TileKind::Hashes(level) = tile.kind() else { return None };
        let hashes = self.levels.get(usize::from(level) * TILE_HEIGHT as usize)?;
        let start = at(tile.index().checked_mul(TILE_WIDTH)?);
        let end = start.checked_add(usize::from(tile.width()))?;
        let hashes = hashes.get(start..end)?;
        Some(hashes.iter().flat_map(|hash| *hash.bytes()).collect())
    }

    fn path(&self, index: u64, start: u64, end: u64, path: &mut Vec<Hash>) {
        if end - start == 1 {
            return;
        }
        let middle = start + split(end - start);
        if index < middle {
            self.path(index, start, middle, path);
            path.push(self.range(middle, end));
        } else {
            self.path(index, middle, end, path);
            path.push(self.range(start, middle));
        }
    }

    fn subproof(&self, old: u64, start: u64, end: u64, whole: bool, path: &mut Vec<Hash>) {
        if old == end - start {
            if !whole {
                path.push(self.range(start, end));
            }
            return;
        }
        let half = split(end - start);
        if old <= half {
            self.subproof(old, start, start + half, whole, path);
            path.push(self.range(start + half, end));
        } else {
            self.subproof(old - half, start + half, end, false, path);
            path.push(self.range(start, start + half));
        }
    }

    /// The hash over the leaves `start..end`, where `start` is a multiple of the largest
    /// power of two that is not larger than `end - start`.
    fn range(&self, start: u64, end: u64) -> Hash {
        let width = end - start;
        if width.is_power_of_two() {
            let height = width.trailing_zeros();
            return self.levels[height as usize][at(start >> height)];
        }
        let middle = start + split(width);
        Hash::of_node(&self.range(start, middle), &self.range(middle, end))
    }
}

/// The largest power of two smaller than `width`, for widths of 2 and more.
pub(crate) const fn split(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

/// An index into memory; what does not fit there is not there.
fn at(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
