use super::*;
use crate::tree::tests::{counted, numbers};

/// Sizes at which every altered proof is tried; above, every true one.
const ALTERED_MAX: u64 = 40;
const SIZE_MAX: u64 = 300;

#[test]
fn every_inclusion_proof_holds() {
    let (tree, leaves) = (counted(SIZE_MAX), numbers(SIZE_MAX));
    for size in 1..=SIZE_MAX {
        let root = tree.root_at(size).unwrap();
        for (index, leaf) in (0..size).zip(&leaves) {
            let hashes = tree.inclusion(index, size).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &hashes, &root), Ok(()));
        }
    }
}

#[test]
fn every_consistency_proof_holds() {
    let tree = counted(SIZE_MAX);
    for new in 0..=SIZE_MAX {
        let new_root = tree.root_at(new).unwrap();
        for old in 0..=new {
            let hashes = tree.consistency(old, new).unwrap();
            let old_root = tree.root_at(old).unwrap();
            assert_eq!(verify_consistency((old, &old_root), (new, &new_root), &hashes), Ok(()));
        }
    }
}

/// One hash altered, one missing, one too many, two exchanged.
fn alterations(hashes: &[Hash]) -> Vec<Vec<Hash>> {
    let mut altered = Vec::new();
    for at in 0..hashes.len() {
        let mut bytes = *hashes[at].bytes();
        bytes[at % 32] ^= 1;
        altered.push([&hashes[..at], &[Hash::from_bytes(bytes)], &hashes[at + 1..]].concat());
        altered.push([&hashes[..at], &hashes[at + 1..]].concat());
        altered.push([&hashes[..at], &[hashes[at]], &hashes[at..]].concat());
        if at > 0 {
            let mut swapped = hashes.to_vec();
            swapped.swap(at - 1, at);
            altered.push(swapped);
        }
    }
    altered.push([hashes, &[Hash::of_nothing()]].concat());
    altered
}

#[test]
fn altered_inclusion_proofs_fail() {
    let (tree, leaves) = (counted(ALTERED_MAX), numbers(ALTERED_MAX + 1));
    for size in 1..=ALTERED_MAX {
        let root = tree.root_at(size).unwrap();
        for (index, leaf) in (0..size).zip(&leaves) {
            let hashes = tree.inclusion(index, size).unwrap();
            for altered in alterations(&hashes) {
                assert!(verify_inclusion(leaf, index, size, &altered, &root).is_err());
            }
            for other in (0..=size).filter(|other| *other != index) {
                assert!(verify_inclusion(leaf, other, size, &hashes, &root).is_err());
            }
            let next = &leaves[usize::try_from(index).unwrap() + 1];
            assert!(verify_inclusion(next, index, size, &hashes, &root).is_err());
            assert!(verify_inclusion(leaf, index, size, &hashes, next).is_err());
        }
    }
}

#[test]
fn altered_consistency_proofs_fail() {
    let tree = counted(ALTERED_MAX);
    let root = |size| tree.root_at(size).unwrap();
    let stranger = Hash::of_leaf(b"another log");
    for new in 1..=ALTERED_MAX {
        for old in 1..=new {
            let hashes = tree.consistency(old, new).unwrap();
            let check = |old_root: &Hash, new_root: &Hash, hashes: &[Hash]| {
                verify_consistency((old, old_root), (new, new_root), hashes)
            };
            for altered in alterations(&hashes) {
                assert!(check(&root(old), &root(new), &altered).is_err(), "{old} {new}");
            }
            assert!(check(&stranger, &root(new), &hashes).is_err());
            assert!(check(&root(old), &stranger, &hashes).is_err());
        }
    }
}

#[test]
fn impossible_ranges_are_refused() {
    let root = counted(3).root();
    let leaf = Hash::of_leaf(b"");
    assert_eq!(verify_inclusion(&leaf, 0, 0, &[], &root), Err(MerkleRefusal::Range));
    assert_eq!(verify_inclusion(&leaf, 3, 3, &[], &root), Err(MerkleRefusal::Range));
    assert_eq!(verify_consistency((4, &root), (3, &root), &[]), Err(MerkleRefusal::Range));
    assert_eq!(verify_consistency((0, &root), (3, &root), &[]), Err(MerkleRefusal::Root));
    assert_eq!(verify_consistency((1, &root), (3, &root), &[]), Err(MerkleRefusal::Length));
    assert_eq!(verify_consistency((3, &root), (3, &leaf), &[]), Err(MerkleRefusal::Root));
}

#[test]
fn huge_numbers_neither_overflow_nor_hang() {
    let hash = Hash::of_nothing();
    let many = [hash; 64];
    assert!(verify_inclusion(&hash, u64::MAX - 1, u64::MAX, &many, &hash).is_err());
    assert!(verify_consistency((u64::MAX - 1, &hash), (u64::MAX, &hash), &many).is_err());
    assert!(verify_consistency((1 << 63, &hash), (u64::MAX, &hash), &many).is_err());
}
