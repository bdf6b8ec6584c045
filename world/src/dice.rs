//! Chance that is the same in every run of a seed. The world's. A roll depends on what is
//! asked and how often it was asked, never on the order in which others ask.

use sha2::{Digest as _, Sha256};

/// All chance of one seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number for the `nth` question of the kind `what`.
    pub(crate) fn roll(self, what: &str, nth: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.0.to_be_bytes());
        hash.update(nth.to_be_bytes());
        hash.update(what);
        let digest: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
    }

    /// A number below `bound`; 0 where that is 0.
    pub(crate) fn below(self, what: &str, nth: u64, bound: u64) -> u64 {
        self.roll(what, nth).checked_rem(bound).unwrap_or(0)
    }

    /// Whether something of so many in a thousand happens.
    pub(crate) fn happens(self, what: &str, nth: u64, per_thousand: u64) -> bool {
        self.below(what, nth, 1000) < per_thousand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_is_the_same_again_and_another_for_another_question() {
        let dice = Dice::new(7);
        assert_eq!(dice.roll("a", 1), Dice::new(7).roll("a", 1));
        let others = [dice.roll("a", 2), dice.roll("b", 1), Dice::new(8).roll("a", 1)];
        assert!(others.iter().all(|other| *other != dice.roll("a", 1)));
        assert_eq!(dice.below("a", 1, 0), 0);
    }
}
