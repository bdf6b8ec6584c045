//! Values in memory, bounded by number and by bytes. The cell's, for caches in process and
//! for the cache enclave. What has ended goes first, then what was used longest ago.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use autoclave_base::{Digest, UnixTime};
use axum::body::Bytes;

/// What an entry takes besides its value, roughly: its key three times, and the maps.
const ENTRY_BYTES: usize = 256;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Values.
    pub entries: usize,
    /// Bytes of all values, with what each takes besides.
    pub bytes: usize,
}

/// Values by key, each until its end.
#[derive(Debug)]
pub struct Memory {
    bounds: Bounds,
    entries: HashMap<Digest, Entry>,
    by_use: BTreeMap<u64, Digest>,
    by_end: BTreeSet<(UnixTime, Digest)>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Bytes,
    end: UnixTime,
    used: u64,
}

impl Memory {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Self {
        let (entries, by_use, by_end) = (HashMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { bounds, entries, by_use, by_end, uses: 0, bytes: 0 }
    }

    /// The value, unless it has ended.
    pub fn get(&mut self, key: &Digest, now: UnixTime) -> Option<Bytes> {
        self.forget_ended(now);
        let used = self.next_use();
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&std::mem::replace(&mut entry.used, used));
        self.by_use.insert(used, *key);
        Some(entry.value.clone())
    }

    /// Keeps a value until `end`, in place of what was there. One that alone breaks the
    /// bounds is not kept.
    pub fn put(&mut self, key: Digest, value: Bytes, end: UnixTime, now: UnixTime) {
        self.remove(&key);
        self.forget_ended(now);
        let size = value.len() + ENTRY_BYTES;
        if end <= now || size > self.bounds.bytes || self.bounds.entries == 0 {
            return;
        }
        while self.entries.len() >= self.bounds.entries || self.bytes + size > self.bounds.bytes {
            let Some((_, oldest)) = self.by_use.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(&oldest);
        }
        let used = self.next_use();
        self.by_use.insert(used, key);
        self.by_end.insert((end, key));
        self.bytes += size;
        self.entries.insert(key, Entry { value, end, used });
    }

    /// Forgets a value.
    pub fn remove(&mut self, key: &Digest) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.by_end.remove(&(entry.end, *key));
            self.bytes -= entry.value.len() + ENTRY_BYTES;
        }
    }

    fn forget_ended(&mut self, now: UnixTime) {
        while let Some((end, key)) = self.by_end.first().copied()
            && end <= now
        {
            self.remove(&key);
        }
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const END: UnixTime = UnixTime::from_seconds(1_800_000_060);

    fn key(name: u64) -> Digest {
        Digest::of(name.to_be_bytes())
    }

    fn value(size: usize) -> Bytes {
        Bytes::from(vec![7; size])
    }

    fn memory(entries: usize, bytes: usize) -> Memory {
        Memory::new(Bounds { entries, bytes })
    }

    #[test]
    fn a_value_is_there_until_its_end() {
        let mut memory = memory(10, 10_000);
        memory.put(key(1), value(5), END, NOW);
        assert_eq!(memory.get(&key(1), NOW), Some(value(5)));
        assert_eq!(memory.get(&key(2), NOW), None);
        assert_eq!(memory.get(&key(1), END), None);
        assert_eq!((memory.entries.len(), memory.bytes), (0, 0));
        memory.put(key(1), value(5), NOW, NOW);
        assert_eq!(memory.get(&key(1), NOW), None);
    }

    #[test]
    fn the_longest_unused_goes_first_and_the_ended_before_it() {
        let mut memory = memory(3, 10_000);
        (1..=3).for_each(|name| memory.put(key(name), value(1), END.plus(name), NOW));
        assert!(memory.get(&key(1), NOW).is_some());
        memory.put(key(4), value(1), END.plus(9), NOW);
        let there = |memory: &mut Memory, now| {
            (1..=5).filter(|name| memory.get(&key(*name), now).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(there(&mut memory, NOW), [1, 3, 4]);
        memory.put(key(5), value(1), END.plus(9), END.plus(1));
        assert_eq!(there(&mut memory, END.plus(1)), [3, 4, 5]);
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let mut memory = memory(100, 4 * (ENTRY_BYTES + 100));
        (0..50).for_each(|name| memory.put(key(name), value(100), END, NOW));
        assert_eq!(memory.entries.len(), 4);
        memory.put(key(99), value(100), END, NOW);
        memory.put(key(99), value(50), END, NOW);
        assert_eq!(memory.bytes, 4 * (ENTRY_BYTES + 100) - 50);
        memory.put(key(60), value(10_000), END, NOW);
        assert_eq!(memory.entries.len(), 4, "too large to be kept");
        (0..100).for_each(|name| memory.remove(&key(name)));
        assert_eq!((memory.bytes, memory.by_use.len(), memory.by_end.len()), (0, 0, 0));
    }
}
