use super::*;
use crate::tile::tiles_of;

/// The leaves of the reference tests of Certificate Transparency (RFC 6962).
pub(crate) const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The roots over the first 1, 2, … 8 of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hash(hex: &str) -> Hash {
    Hash::from_bytes(unhex(hex).try_into().unwrap())
}

fn known() -> Tree {
    let mut tree = Tree::new();
    for leaf in LEAVES {
        tree.push(Hash::of_leaf(&unhex(leaf)));
    }
    tree
}

/// The leaf hashes of a log whose entry `i` is the number `i`.
pub(crate) fn numbers(size: u64) -> Vec<Hash> {
    (0..size).map(|index| Hash::of_leaf(&index.to_be_bytes())).collect()
}

/// A tree over [`numbers`].
pub(crate) fn counted(size: u64) -> Tree {
    let mut tree = Tree::new();
    for leaf in numbers(size) {
        tree.push(leaf);
    }
    tree
}

/// MTH of RFC 6962, section 2.1, word by word.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            Hash::of_node(&mth(left), &mth(right))
        }
    }
}

/// PATH of RFC 6962, section 2.1.1, word by word.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut below, beside) = if index < left.len() {
        (path(index, left), mth(right))
    } else {
        (path(index - left.len(), right), mth(left))
    };
    below.push(beside);
    below
}

/// SUBPROOF of RFC 6962, section 2.1.2, word by word.
fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut below, beside) = if old <= left.len() {
        (subproof(old, left, whole), mth(right))
    } else {
        (subproof(old - left.len(), right, false), mth(left))
    };
    below.push(beside);
    below
}

fn half(width: usize) -> usize {
    (0..63).map(|power| 1 << power).take_while(|half| *half < width).last().unwrap()
}

#[test]
fn the_known_roots_come_out() {
    let tree = known();
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(tree.root_at(size).unwrap(), hash(root), "{size}");
    }
    assert_eq!(tree.root(), hash(ROOTS[7]));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Tree::new().root(), hash(empty));
    assert_eq!(tree.root_at(9), None);
}

#[test]
fn the_known_proofs_come_out() {
    let tree = known();
    let first_of_eight = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(tree.inclusion(0, 8).unwrap(), first_of_eight.map(hash));
    let two_of_five = [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ];
    assert_eq!(tree.consistency(2, 5).unwrap(), two_of_five.map(hash));
    let six_of_eight = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(tree.consistency(6, 8).unwrap(), six_of_eight.map(hash));
}

#[test]
fn every_root_is_the_one_of_the_definition() {
    let (tree, leaves) = (counted(300), numbers(300));
    for size in 0..=300 {
        let width = usize::try_from(size).unwrap();
        assert_eq!(tree.root_at(size).unwrap(), mth(&leaves[..width]), "{size}");
    }
}

#[test]
fn every_proof_is_the_one_of_the_definition() {
    let (tree, leaves) = (counted(70), numbers(70));
    for size in 1..=70 {
        for below in 0..size {
            let at = |value: usize| u64::try_from(value).unwrap();
            let inclusion = tree.inclusion(at(below), at(size)).unwrap();
            assert_eq!(inclusion, path(below, &leaves[..size]));
            let old = below + 1;
            let consistency = tree.consistency(at(old), at(size)).unwrap();
            assert_eq!(consistency, subproof(old, &leaves[..size], true));
        }
    }
}

#[test]
fn what_the_tree_has_not_is_not_proven() {
    let tree = counted(5);
    assert_eq!(tree.inclusion(5, 5), None);
    assert_eq!(tree.inclusion(0, 6), None);
    assert_eq!(tree.inclusion(u64::MAX, u64::MAX), None);
    assert_eq!(tree.consistency(3, 2), None);
    assert_eq!(tree.consistency(3, 6), None);
    assert_eq!(tree.consistency(0, 5), Some(Vec::new()));
    assert_eq!(tree.leaf(5), None);
}

/// tlog-tiles: `MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])`.
#[test]
fn tiles_hold_the_hashes_of_the_specification() {
    let (tree, leaves) = (counted(70_000), numbers(70_000));
    for tile in tiles_of(70_000) {
        let TileKind::Hashes(level) = tile.kind() else { continue };
        let span = 256_usize.pow(u32::from(level));
        let bytes = tree.tile(&tile).unwrap();
        assert_eq!(bytes.len(), usize::from(tile.width()) * 32);
        for (nth, bytes) in bytes.chunks(32).enumerate() {
            let start = (usize::try_from(tile.index()).unwrap() * 256 + nth) * span;
            assert_eq!(bytes, mth(&leaves[start..start + span]).bytes());
        }
    }
}

#[test]
fn tiles_beyond_the_tree_are_not_there() {
    let tree = counted(300);
    for path in ["tile/0/001.p/45", "tile/0/001", "tile/0/002", "tile/1/000.p/2", "tile/2/000.p/1"]
    {
        assert_eq!(tree.tile(&path.parse().unwrap()), None, "{path}");
    }
    assert!(tree.tile(&"tile/0/001.p/44".parse().unwrap()).is_some());
    assert!(tree.tile(&"tile/0/001.p/3".parse().unwrap()).is_some());
    assert_eq!(tree.tile(&"tile/entries/000".parse().unwrap()), None);
    assert_eq!(tree.tile(&"tile/63/000".parse().unwrap()), None);
}
