//! Things that count for a while, found by a digest. The crate's. Bounded: when it is full of
//! what still counts, a newcomer is refused, and nothing that counts is forgotten.

use std::collections::{BTreeSet, HashMap};

use autoclave_base::{Digest, UnixTime};

/// Values by digest, each until its time.
pub(crate) struct Book<T> {
    values: HashMap<Digest, (UnixTime, T)>,
    by_end: BTreeSet<(UnixTime, Digest)>,
    values_max: usize,
}

impl<T> Book<T> {
    /// One for at most so many.
    pub(crate) fn new(values_max: usize) -> Self {
        Self { values: HashMap::new(), by_end: BTreeSet::new(), values_max }
    }

    /// Keeps a value until `end`; `false` where there is no room.
    #[must_use]
    pub(crate) fn put(&mut self, name: Digest, value: T, end: UnixTime, now: UnixTime) -> bool {
        self.forget_old(now);
        if self.values.len() >= self.values_max {
            return false;
        }
        self.by_end.insert((end, name));
        self.values.insert(name, (end, value));
        true
    }

    /// A value that counts now.
    pub(crate) fn get(&self, name: &Digest, now: UnixTime) -> Option<&T> {
        self.values.get(name).filter(|(end, _)| now < *end).map(|(_, value)| value)
    }

    /// Takes a value out; nothing where it does not count any more.
    pub(crate) fn take(&mut self, name: &Digest, now: UnixTime) -> Option<T> {
        let (end, value) = self.values.remove(name)?;
        self.by_end.remove(&(end, *name));
        (now < end).then_some(value)
    }

    /// Forgets all values of which this is said.
    pub(crate) fn forget(&mut self, which: impl Fn(&T) -> bool) {
        let gone = self.values.iter().filter(|(_, (_, value))| which(value));
        let gone: Vec<_> = gone.map(|(name, (end, _))| (*end, *name)).collect();
        for (end, name) in gone {
            self.by_end.remove(&(end, name));
            self.values.remove(&name);
        }
    }

    fn forget_old(&mut self, now: UnixTime) {
        while let Some((end, name)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            self.by_end.remove(&(end, name));
            self.values.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    #[test]
    fn a_value_counts_until_its_time_and_is_taken_once() {
        let mut book = Book::new(8);
        let name = Digest::of("a");
        assert!(book.put(name, 7, NOW.plus(60), NOW));
        assert_eq!(book.get(&name, NOW.plus(59)), Some(&7));
        assert_eq!(book.get(&name, NOW.plus(60)), None);
        assert_eq!(book.take(&name, NOW), Some(7));
        assert_eq!(book.take(&name, NOW), None);
    }

    #[test]
    fn a_full_book_refuses_newcomers_until_something_is_over() {
        let mut book = Book::new(2);
        assert!(book.put(Digest::of("a"), 1, NOW.plus(10), NOW));
        assert!(book.put(Digest::of("b"), 2, NOW.plus(20), NOW));
        assert!(!book.put(Digest::of("c"), 3, NOW.plus(30), NOW));
        assert!(book.put(Digest::of("c"), 3, NOW.plus(30), NOW.plus(10)));
        assert_eq!(book.get(&Digest::of("b"), NOW.plus(10)), Some(&2));
        book.forget(|value| *value == 3);
        assert_eq!(book.get(&Digest::of("c"), NOW.plus(10)), None);
    }
}
