use super::*;

fn paths(tiles: impl Iterator<Item = Tile>) -> Vec<String> {
    tiles.map(|tile| tile.to_string()).collect()
}

#[test]
fn paths_are_those_of_the_specification() {
    let full = 1_234_068 * TILE_WIDTH;
    let at = |kind, index, size| Tile::at(kind, index, size).unwrap().to_string();
    assert_eq!(at(TileKind::Hashes(0), 1_234_067, full), "tile/0/x001/x234/067");
    assert_eq!(at(TileKind::Entries, 1_234_067, full), "tile/entries/x001/x234/067");
    assert_eq!(at(TileKind::Hashes(0), 1_234_067, full - 1), "tile/0/x001/x234/067.p/255");
    assert_eq!(at(TileKind::Hashes(0), 0, 1), "tile/0/000.p/1");
    assert_eq!(at(TileKind::Hashes(1), 0, 256), "tile/1/000.p/1");
    assert_eq!(at(TileKind::Entries, 1000, 1001 * 256), "tile/entries/x001/000");
}

#[test]
fn paths_read_back() {
    for path in
        ["tile/0/x001/x234/067", "tile/63/000.p/255", "tile/entries/999.p/1", "tile/7/x001/000"]
    {
        assert_eq!(path.parse::<Tile>().unwrap().to_string(), path);
    }
}

#[test]
fn other_spellings_are_refused() {
    let paths = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "checkpoint",
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/000/",
        "tile/0//000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/1000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/2",
        "tile/entries/../../key",
        "tile/0/..",
        "tile/entry/000",
        "/tile/0/000",
        "tile/0/+00",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/00\u{0661}",
    ];
    for path in paths {
        assert!(path.parse::<Tile>().is_err(), "{path:?}");
    }
}

/// The example of the specification, "Partial Tiles".
#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let of = |kind| tiles_of(70_000).filter(move |tile| tile.kind() == kind);
    let widths = |kind| of(kind).map(|tile| tile.width()).collect::<Vec<_>>();
    let mut lowest = vec![256; 273];
    lowest.push(112);
    assert_eq!(widths(TileKind::Hashes(0)), lowest);
    assert_eq!(widths(TileKind::Entries), lowest);
    assert_eq!(widths(TileKind::Hashes(1)), [256, 17]);
    assert_eq!(widths(TileKind::Hashes(2)), [1]);
    assert_eq!(tiles_of(70_000).count(), 274 * 2 + 2 + 1);
}

#[test]
fn a_tree_of_256_has_a_full_tile_and_one_above() {
    assert_eq!(paths(tiles_of(256)), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    assert_eq!(paths(tiles_of(0)), [""; 0]);
}

#[test]
fn growth_names_what_is_new_and_nothing_else() {
    assert_eq!(paths(tiles_between(3, 3)), [""; 0]);
    assert_eq!(paths(tiles_between(3, 5)), ["tile/0/000.p/5", "tile/entries/000.p/5"]);
    let over = [
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/1",
    ];
    assert_eq!(paths(tiles_between(255, 257)), over);
    for (old, new) in [(1, 700), (256, 512), (500, 66_000), (65_535, 65_536)] {
        let had: std::collections::BTreeSet<_> = tiles_of(old).collect();
        let new_ones: Vec<_> = tiles_of(new).filter(|tile| !had.contains(tile)).collect();
        assert_eq!(tiles_between(old, new).collect::<Vec<_>>(), new_ones, "{old} {new}");
    }
}

#[test]
fn the_largest_tree_has_tiles() {
    assert!(Tile::at(TileKind::Hashes(0), u64::MAX, u64::MAX).is_none());
    assert!(Tile::at(TileKind::Hashes(7), 0, u64::MAX).unwrap().width() == 255);
    assert!(Tile::at(TileKind::Hashes(8), 0, u64::MAX).is_none());
}

#[test]
fn bundles_read_back() {
    let entries = [b"".to_vec(), b"{}".to_vec(), vec![7; ENTRY_BYTES_MAX]];
    let bytes = bundle(&entries).unwrap();
    assert_eq!(&bytes[..6], [0, 0, 0, 2, b'{', b'}']);
    assert_eq!(unbundle(&bytes).unwrap(), entries);
    assert_eq!(unbundle(&[]).unwrap(), [b""; 0]);
    assert!(bundle([vec![0; ENTRY_BYTES_MAX + 1]]).is_err());
}

#[test]
fn damaged_bundles_are_refused() {
    let bytes = bundle([b"one", b"two"]).unwrap();
    for end in (1..bytes.len()).filter(|end| *end != 5) {
        assert!(unbundle(&bytes[..end]).is_err(), "{end}");
    }
    assert!(unbundle(&bundle(vec![b"x"; 257]).unwrap()).is_err());
    assert_eq!(unbundle(&bundle(vec![b"x"; 256]).unwrap()).unwrap().len(), 256);
}
