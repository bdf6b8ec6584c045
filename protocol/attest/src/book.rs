//! The book of proofs that were seen, so that none counts twice. It belongs to whoever
//! verifies; when it is full, it refuses newcomers rather than forget what it must know.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use autoclave_base::{Digest, UnixTime};

/// Proofs remembered at the same time: 200 a second over five minutes.
pub const PROOFS_MAX: usize = 65_536;

/// Why a proof is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookRefusal {
    /// Seen before, or nobody remembers any more whether it was.
    #[error("the proof was used before")]
    Replayed,
    /// Too many proofs have to be remembered.
    #[error("too many proofs wait to expire")]
    Busy,
}

/// Digests of proofs, each kept until the proof would be stale anyway.
pub struct ProofBook {
    seen: HashSet<Digest>,
    by_expiry: BTreeSet<(UnixTime, Digest)>,
    /// The latest expiry that was forgotten. A clock that steps forth and back again must not
    /// make it count anew.
    forgotten: Option<UnixTime>,
    proofs_max: usize,
}

impl Default for ProofBook {
    fn default() -> Self {
        Self::new(PROOFS_MAX)
    }
}

impl ProofBook {
    /// A book for at most `proofs_max` proofs.
    pub fn new(proofs_max: usize) -> Self {
        Self { seen: HashSet::new(), by_expiry: BTreeSet::new(), forgotten: None, proofs_max }
    }

    /// Notes a proof that is stale at `expires`; refuses it the second time.
    pub fn admit(
        &mut self,
        proof: Digest,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), BookRefusal> {
        self.forget_expired(now);
        if self.seen.contains(&proof) || self.forgotten.is_some_and(|last| expires <= last) {
            return Err(BookRefusal::Replayed);
        }
        if self.seen.len() >= self.proofs_max {
            return Err(BookRefusal::Busy);
        }
        self.seen.insert(proof);
        self.by_expiry.insert((expires, proof));
        Ok(())
    }

    fn forget_expired(&mut self, now: UnixTime) {
        while let Some(&(expires, proof)) = self.by_expiry.first() {
            if expires >= now {
                return;
            }
            self.by_expiry.pop_first();
            self.seen.remove(&proof);
            self.forgotten = self.forgotten.max(Some(expires));
        }
    }
}
