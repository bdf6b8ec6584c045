//! A disk in memory that fails when told to, and that remembers what was durable.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard};

use super::super::disk::Disk;

#[derive(Default)]
pub(super) struct Memory {
    content: Mutex<Content>,
    opened: Condvar,
}

#[derive(Default, Clone)]
pub(super) struct Content {
    pub(super) journal: Vec<u8>,
    /// The journal at its last `fsync`.
    pub(super) durable: Vec<u8>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) faults: Faults,
    pub(super) syncs: u64,
}

/// What fails from now on.
#[derive(Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is there or not")]
pub(super) struct Faults {
    /// Journal writes fail after so many bytes.
    pub(super) write_after: Option<usize>,
    pub(super) sync: bool,
    pub(super) cut: bool,
    pub(super) put: bool,
    /// `fsync` waits until this is taken away.
    pub(super) sync_waits: bool,
}

impl Memory {
    /// A disk as another one left it.
    pub(super) fn with(content: Content) -> Self {
        Self { content: Mutex::new(content), opened: Condvar::new() }
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.content().faults);
        self.opened.notify_all();
    }

    /// Waits until a frame is written and its `fsync` has not ended.
    pub(super) fn await_unsynced(&self) {
        let synced = || {
            let content = self.content();
            content.journal == content.durable
        };
        while synced() {
            std::thread::yield_now();
        }
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.content().files.keys().cloned().collect()
    }
}

fn fail<T>(when: bool, value: T) -> io::Result<T> {
    if when { Err(io::ErrorKind::StorageFull.into()) } else { Ok(value) }
}

impl Disk for Memory {
    fn journal_bytes(&self) -> io::Result<u64> {
        Ok(self.content().journal.len() as u64)
    }

    fn journal_read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let content = self.content();
        let bytes = content.journal.get(start..start + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn journal_write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let mut content = self.content();
        let written = content.faults.write_after.unwrap_or(bytes.len()).min(bytes.len());
        let end = content.journal.len().max(start + written);
        content.journal.resize(end, 0);
        content.journal[start..start + written].copy_from_slice(&bytes[..written]);
        fail(written < bytes.len(), ())
    }

    fn journal_sync(&self) -> io::Result<()> {
        let waits = |content: &mut Content| content.faults.sync_waits;
        let mut content = self.opened.wait_while(self.content(), waits).unwrap();
        fail(content.faults.sync, ())?;
        content.syncs += 1;
        content.durable = content.journal.clone();
        Ok(())
    }

    fn journal_cut(&self, bytes: u64) -> io::Result<()> {
        let mut content = self.content();
        fail(content.faults.cut, ())?;
        content.journal.truncate(usize::try_from(bytes).unwrap());
        Ok(())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.content().files.get(path).cloned())
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.content();
        fail(content.faults.put, ())?;
        content.files.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn settle(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let inside = format!("{path}/");
        self.content().files.retain(|file, _| file != path && !file.starts_with(&inside));
        Ok(())
    }
}
