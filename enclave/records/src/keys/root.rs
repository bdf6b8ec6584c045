//! The root under which all patients' keys are wrapped. It is never in the database, so that
//! no copy of the database can bring back what was destroyed with it. While it is exchanged
//! there are two for a moment: the old one goes only after the database has the new one.

use std::sync::{Mutex, PoisonError};

use autoclave_base::Secret;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of a number and a root.
const ROOT_BYTES: usize = 8 + 32;

/// The root's place failed, or holds what this program does not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the root of patients' keys cannot be read or written")]
pub struct RootError;

/// A place for a few bytes outside the database, such as an enclave's sealed state. What was
/// replaced is gone.
pub trait RootKeeper: Send + Sync {
    /// What is there.
    fn load(&self) -> Result<Option<Secret<Vec<u8>>>, RootError>;

    /// Puts this in its place, in one step; durable when it returns.
    fn replace(&self, bytes: &Secret<Vec<u8>>) -> Result<(), RootError>;
}

/// A place in memory, for tests and examples: what it holds ends with the process.
#[derive(Default)]
pub struct MemoryRoots(Mutex<Option<Secret<Vec<u8>>>>);

impl RootKeeper for MemoryRoots {
    fn load(&self) -> Result<Option<Secret<Vec<u8>>>, RootError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn replace(&self, bytes: &Secret<Vec<u8>>) -> Result<(), RootError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.clone());
        Ok(())
    }
}

/// A root and its number.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) number: u64,
    pub(crate) key: Secret<[u8; 32]>,
}

impl Root {
    /// A new one.
    pub(crate) fn new(number: u64, rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self { number, key: Secret::new(*key) }
    }
}

/// The root, or two while one takes the other's place.
#[derive(Clone)]
pub(crate) struct Roots(Vec<Root>);

impl Roots {
    /// These.
    pub(crate) fn new(roots: Vec<Root>) -> Self {
        Self(roots)
    }

    /// What the keeper holds.
    pub(crate) fn load(keeper: &dyn RootKeeper) -> Result<Option<Self>, RootError> {
        let Some(bytes) = keeper.load()? else { return Ok(None) };
        let (roots, rest) = bytes.expose().as_chunks::<ROOT_BYTES>();
        if roots.is_empty() || !rest.is_empty() {
            return Err(RootError);
        }
        roots.iter().map(root).collect::<Result<_, _>>().map(|roots| Some(Self(roots)))
    }

    /// Hands them to the keeper.
    pub(crate) fn keep(&self, keeper: &dyn RootKeeper) -> Result<(), RootError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len() * ROOT_BYTES));
        for root in &self.0 {
            bytes.extend_from_slice(&root.number.to_be_bytes());
            bytes.extend_from_slice(root.key.expose());
        }
        keeper.replace(&Secret::new(std::mem::take(&mut *bytes)))
    }

    /// The one of that number.
    pub(crate) fn of(&self, number: u64) -> Option<&Root> {
        self.0.iter().find(|root| root.number == number)
    }

    /// Whether there is more than one.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.0.len() > 1
    }
}

fn root(bytes: &[u8; ROOT_BYTES]) -> Result<Root, RootError> {
    let (number, key) = bytes.split_first_chunk::<8>().ok_or(RootError)?;
    let key = key.try_into().map_err(|_| RootError)?;
    Ok(Root { number: u64::from_be_bytes(*number), key: Secret::new(key) })
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    #[test]
    fn roots_come_back_as_they_were_kept() {
        let keeper = MemoryRoots::default();
        assert!(Roots::load(&keeper).unwrap().is_none());
        let (one, two) = (Root::new(1, &mut Entropy), Root::new(2, &mut Entropy));
        Roots::new(vec![one.clone(), two.clone()]).keep(&keeper).unwrap();
        let roots = Roots::load(&keeper).unwrap().unwrap();
        assert!(roots.is_unsettled() && roots.of(3).is_none());
        assert!(roots.of(1).unwrap().key.same_as(&one.key));
        assert!(roots.of(2).unwrap().key.same_as(&two.key));
        keeper.replace(&Secret::new(vec![0; ROOT_BYTES + 1])).unwrap();
        assert!(Roots::load(&keeper).is_err());
    }
}
