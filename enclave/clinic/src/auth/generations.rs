//! What makes sign-out win over every cached copy of a session. The clinic's. A copy is
//! looked up under the session's generation, and ending a session begins another one: what
//! was kept before is never asked for again, whatever a cache remembers or replays.

use std::sync::atomic::{AtomicU64, Ordering};

use autoclave_base::Digest;
use rand::CryptoRng;

/// Sessions share generations by their token's first bytes: ending one costs the others of
/// its group, some in a thousand, one look at the database.
const GROUPS: usize = 1024;
/// Bytes of this life's own name. Copies of an earlier life are never asked for: that life
/// took with it what it knew of ends.
const LIFE_BYTES: usize = 16;

/// The generations of all sessions in this life of the process.
pub(crate) struct Generations {
    life: [u8; LIFE_BYTES],
    groups: Vec<AtomicU64>,
}

/// A session's generation; also the name of a cached copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation([u8; LIFE_BYTES + 8 + 32]);

impl Generations {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut life = [0; LIFE_BYTES];
        rng.fill_bytes(&mut life);
        Self { life, groups: (0..GROUPS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The generation to look a session up under, and to keep a copy under: taken before the
    /// database is read, so that what ends meanwhile is kept where nobody looks.
    pub(crate) fn of(&self, token: &Digest) -> Generation {
        let mut name = [0; LIFE_BYTES + 8 + 32];
        let (life, rest) = name.split_at_mut(LIFE_BYTES);
        let (number, session) = rest.split_at_mut(8);
        life.copy_from_slice(&self.life);
        number.copy_from_slice(&self.group(token).load(Ordering::SeqCst).to_be_bytes());
        session.copy_from_slice(token.bytes());
        Generation(name)
    }

    /// A session ended before its time, or its owner's role changed: called after the change
    /// is in the database.
    pub(crate) fn end(&self, token: &Digest) {
        self.group(token).fetch_add(1, Ordering::SeqCst);
    }

    fn group(&self, token: &Digest) -> &AtomicU64 {
        let [first, second, ..] = token.bytes();
        &self.groups[usize::from(u16::from_be_bytes([*first, *second])) % GROUPS]
    }
}

impl Generation {
    pub(crate) const fn name(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    #[test]
    fn ending_a_session_begins_a_generation() {
        let generations = Generations::new(&mut Entropy);
        let (one, other) = (Digest::of("one"), Digest::of("other"));
        let before = generations.of(&one);
        assert_eq!(generations.of(&one), before);
        assert_ne!(generations.of(&other), before);
        let others = generations.of(&other);
        generations.end(&one);
        assert_ne!(generations.of(&one), before);
        assert_eq!(generations.of(&other), others, "another group");
    }

    #[test]
    fn lives_share_no_generation() {
        let one = Digest::of("one");
        let life = || Generations::new(&mut Entropy).of(&one);
        assert_ne!(life(), life());
    }
}
