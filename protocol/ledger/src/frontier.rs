//! A tree of RFC 6962 of which only the right edge is kept: its complete subtrees, one hash
//! for each bit of its size. It is what a reader keeps of a log between two visits; it can
//! grow and say its root, and proves nothing about lines that it has passed.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// The complete subtrees of a tree, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Whether there are as many subtrees as the size says: what was kept may be damaged.
    pub fn is_whole(&self) -> bool {
        self.peaks.len() == self.size.count_ones() as usize
    }

    /// Appends a leaf; `done` learns each subtree that it completes: height, index, hash.
    pub fn push(&mut self, leaf: Hash, mut done: impl FnMut(u32, u64, &Hash)) {
        let mut hash = leaf;
        done(0, self.size, &hash);
        for height in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().unwrap_or(hash);
            hash = Hash::of_node(&left, &hash);
            done(height, self.size >> height, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root now.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Hash::of_nothing() };
        peaks.fold(*last, |right, left| Hash::of_node(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;
    use crate::tree::tests::numbers;

    #[test]
    fn the_root_is_the_trees_at_every_size() {
        let (mut frontier, mut tree) = (Frontier::new(), Tree::new());
        assert_eq!(frontier.root(), tree.root());
        for leaf in numbers(600) {
            frontier.push(leaf, |_, _, _| {});
            tree.push(leaf);
            assert_eq!(frontier.root(), tree.root());
            assert!(frontier.is_whole());
        }
    }

    #[test]
    fn each_complete_subtree_is_told_once() {
        let (mut frontier, mut told) = (Frontier::new(), Vec::new());
        for leaf in numbers(4) {
            frontier.push(leaf, |height, index, _| told.push((height, index)));
        }
        assert_eq!(told, [(0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (1, 1), (2, 0)]);
    }
}
