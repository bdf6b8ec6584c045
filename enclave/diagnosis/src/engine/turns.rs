//! Taking turns: as many runs at once as the configuration says, each with what it needs.
//! It belongs to the diagnosis enclave's engines, and bounds their memory.
//! Nothing taken is ever kept: it goes back when dropped, after a panic as well.

use std::sync::{Condvar, Mutex, PoisonError};

/// What runs need, one for each that may run at once.
pub(super) struct Turns<T> {
    free: Mutex<Vec<T>>,
    freed: Condvar,
}

/// What one run has; goes back when dropped.
pub(super) struct Taken<'a, T> {
    of: &'a Turns<T>,
    item: Option<T>,
}

impl<T> Turns<T> {
    pub(super) const fn new(items: Vec<T>) -> Self {
        Self { free: Mutex::new(items), freed: Condvar::new() }
    }

    /// Waits until one is free.
    pub(super) fn take(&self) -> Taken<'_, T> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(free, |free| free.is_empty());
        let item = waited.unwrap_or_else(PoisonError::into_inner).pop();
        Taken { of: self, item }
    }
}

impl<T> Taken<'_, T> {
    /// What was taken; there is none only where none was ever given.
    pub(super) const fn item(&mut self) -> Option<&mut T> {
        self.item.as_mut()
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let mut free = self.of.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.item.take());
        self.of.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_finds_all_taken_waits_for_one() {
        let turns = Turns::new(vec!['a']);
        let taken = turns.take();
        thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            let turns = &turns;
            scope.spawn(move || send.send(turns.take().item().copied()).unwrap());
            assert!(receive.try_recv().is_err(), "while the only one is taken");
            drop(taken);
            assert_eq!(receive.recv().unwrap(), Some('a'));
        });
    }

    #[test]
    fn a_panic_gives_it_back() {
        let turns = Turns::new(vec![1]);
        let run = || {
            let _taken = turns.take();
            panic!("engine");
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        assert_eq!(turns.take().item().copied(), Some(1));
    }
}
