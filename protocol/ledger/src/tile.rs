//! The static files of a log: C2SP tlog-tiles. Names of tiles and entry bundles, which of
//! them a tree of a size consists of, and the bytes of a bundle. The hashes of a tile are
//! the tree's to give; nothing here reads or writes a file.

use std::fmt;
use std::str::FromStr;

use crate::entry::ENTRY_BYTES_MAX;

/// Levels of the tree that one tile spans.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// The same as a tile's width.
const FULL: u16 = 1 << TILE_HEIGHT;

/// The highest level that a path may name (tlog-tiles, "Merkle Tree").
const LEVEL_MAX: u8 = 63;

/// Levels that a tree of 64-bit size can fill.
const LEVELS: u32 = u64::BITS / TILE_HEIGHT;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// The hashes of subtrees of `256^level` leaves.
    Hashes(u8),
    /// The entries themselves: a bundle.
    Entries,
}

/// The name of a tile: kind, index within its level, and width (256 when full).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// The path names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile or entry bundle")]
pub struct TilePathError;

impl Tile {
    /// The tile of `kind` and `index` in a tree of `size` leaves, as wide as it is there.
    pub fn at(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let left = count(kind, size).checked_sub(index.checked_mul(TILE_WIDTH)?)?;
        let width = u16::try_from(left.min(TILE_WIDTH)).ok()?;
        (width > 0).then_some(Self { kind, index, width })
    }

    /// What it holds.
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Which of its level it is.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it can grow no more.
    pub const fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: FULL, ..self }
    }
}

/// `tile/<level>/<index>[.p/<width>]`, as in `tile/0/x001/x234/067.p/5`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let digits = self.index.to_string();
        let groups = digits.len().div_ceil(3);
        let padded = format!("{digits:0>width$}", width = groups * 3);
        for group in 0..groups {
            let mark = if group + 1 == groups { "" } else { "x" };
            let slash = if group + 1 == groups { "" } else { "/" };
            write!(f, "{mark}{}{slash}", &padded[group * 3..group * 3 + 3])?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = TilePathError;

    /// Reads a path in its one spelling.
    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError)?;
        let (level, rest) = rest.split_once('/').ok_or(TilePathError)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, number(width)?),
            None => (rest, TILE_WIDTH),
        };
        let kind =
            if level == "entries" { TileKind::Entries } else { TileKind::Hashes(number(level)?) };
        let index = index.replace(['x', '/'], "").parse().map_err(|_| TilePathError)?;
        let width = u16::try_from(width).map_err(|_| TilePathError)?;
        let tile = Self { kind, index, width };
        let known = !matches!(kind, TileKind::Hashes(level) if level > LEVEL_MAX)
            && (1..=TILE_WIDTH).contains(&u64::from(width));
        // Writing it again refuses every other spelling: zeroes, slashes, marks, `.p/256`.
        if known && tile.to_string() == path { Ok(tile) } else { Err(TilePathError) }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, TilePathError> {
    text.parse().map_err(|_| TilePathError)
}

/// How many hashes or entries of `kind` a tree of `size` leaves has.
fn count(kind: TileKind, size: u64) -> u64 {
    match kind {
        TileKind::Entries => size,
        TileKind::Hashes(level) => size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0),
    }
}

/// All tiles and bundles of the tree of `size` leaves.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    tiles_between(0, size)
}

/// The tiles and bundles that a tree of `new` leaves has and one of `old` leaves has not.
pub fn tiles_between(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..LEVELS).filter_map(|level| u8::try_from(level).ok());
    let kinds = levels.map(TileKind::Hashes).chain([TileKind::Entries]);
    kinds.flat_map(move |kind| {
        let (had, has) = (count(kind, old), count(kind, new));
        let range = if has > had { had / TILE_WIDTH..has.div_ceil(TILE_WIDTH) } else { 0..0 };
        range.filter_map(move |index| Tile::at(kind, index, new))
    })
}

/// The bytes are no entry bundle, or an entry does not fit into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an entry bundle")]
pub struct BundleError;

/// The bytes of a bundle: each entry after its length (16 bits, big-endian).
pub fn bundle<E: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = E>,
) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| BundleError)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, exactly as many as `bytes` holds.
pub fn unbundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let (mut rest, mut entries) = (bytes, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(BundleError)?;
        if entries.len() as u64 == TILE_WIDTH {
            return Err(BundleError);
        }
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BundleError) }
}

/// Most bytes of a bundle: what a reader needs to accept.
pub const BUNDLE_BYTES_MAX: usize = FULL as usize * (2 + ENTRY_BYTES_MAX);

#[cfg(test)]
mod tests;
