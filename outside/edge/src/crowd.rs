//! How many connections each address has open, so that no single one takes all places.
//! It belongs to the edge.
//! An address without an open connection is not remembered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::rate::network;

/// Open connections by address.
#[derive(Clone)]
pub(crate) struct Crowd {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address_max: usize,
}

/// An open connection; forgotten when dropped.
pub(crate) struct Member {
    crowd: Crowd,
    of: IpAddr,
}

impl Crowd {
    pub(crate) fn new(per_address_max: usize) -> Self {
        Self { open: Arc::default(), per_address_max }
    }

    /// One more connection of this address, if it may have one more.
    pub(crate) fn join(&self, from: IpAddr) -> Option<Member> {
        let of = network(from);
        let mut open = self.lock();
        let count = open.entry(of).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Member { crowd: self.clone(), of })
    }

    /// Numbers that are changed one by one stay whole after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        if let Some(count) = open.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_connections_and_others_have_theirs() {
        let crowd = Crowd::new(2);
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = crowd.join(one);
        let _second = crowd.join(one).unwrap();
        assert!(crowd.join(one).is_none());
        assert!(crowd.join(other).is_some());
        drop(first);
        assert!(crowd.join(one).is_some());
        assert_eq!(crowd.lock().len(), 1, "who has none open is forgotten");
    }
}
