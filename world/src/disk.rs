//! A ledger's disk in memory: it forgets at a power cut what was not made durable, tears
//! what was being written, and is full for a while where the seed says so.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoclave_cell::ledger::Disk;

use crate::dice::Dice;
use crate::eye;
use crate::party::Party;
use crate::shared::{Mischief, Shared};

/// What lies on a disk.
#[derive(Debug, Default, Clone)]
pub(crate) struct Content {
    journal: Vec<u8>,
    /// The journal at its last `fsync`.
    durable: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    /// Files that were put, and what was there before their folder was made durable.
    unsettled: BTreeMap<String, Option<Vec<u8>>>,
    cuts: u64,
}

/// A disk that survives its machine's lives.
#[derive(Debug, Default, Clone)]
pub(crate) struct Medium {
    content: Arc<Mutex<Content>>,
    set_up: Arc<Content>,
}

impl Medium {
    /// A disk with this on it.
    pub(crate) fn with(content: Content) -> Self {
        Self { set_up: Arc::new(content.clone()), content: Arc::new(Mutex::new(content)) }
    }

    /// Everything as at the beginning.
    pub(crate) fn put_back(&self) {
        *self.lock() = Content::clone(&self.set_up);
    }

    /// What lies on it.
    pub(crate) fn content(&self) -> Content {
        self.lock().clone()
    }

    /// A file beside the journal.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().files.get(path).cloned()
    }

    /// How often a text stands in what is durable.
    pub(crate) fn durable_count(&self, text: &str) -> usize {
        let content = self.lock();
        let mut rest = &content.durable[..];
        let mut count = 0;
        while let Some(at) = find(rest, text.as_bytes()) {
            count += 1;
            rest = &rest[at + text.len()..];
        }
        count
    }

    /// Shows everything to the eye.
    pub(crate) fn show(&self, eye: &eye::Eye, party: Party) {
        let content = self.lock();
        eye.look(&content.journal, || format!("the journal of {}", party.name()));
        for (path, bytes) in &content.files {
            eye.look(bytes, || format!("{path} of {}", party.name()));
        }
    }

    /// The power is gone: of what was not durable, a part may be there.
    pub(crate) fn cut_power(&self, dice: Dice, party: Party) {
        let mut content = self.lock();
        let content = &mut *content;
        content.cuts += 1;
        let nth = content.cuts;
        let kept = content.durable.len();
        if content.journal.len() > kept && content.journal.starts_with(&content.durable) {
            let more = (content.journal.len() - kept) as u64;
            let torn = dice.below(&format!("torn {}", party.name()), nth, more + 1);
            content.journal.truncate(kept + usize::try_from(torn).unwrap_or(0));
        } else {
            content.journal.clone_from(&content.durable);
        }
        content.durable.clone_from(&content.journal);
        for (at, (path, before)) in std::mem::take(&mut content.unsettled).into_iter().enumerate() {
            if dice.happens(&format!("unsettled {} {at}", party.name()), nth, 500) {
                match before {
                    Some(bytes) => drop(content.files.insert(path, bytes)),
                    None => drop(content.files.remove(&path)),
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = part.first()?;
    let mut start = 0;
    while let Some(at) = bytes[start..].iter().position(|byte| byte == first) {
        if bytes[start + at..].starts_with(part) {
            return Some(start + at);
        }
        start += at + 1;
    }
    None
}

/// A disk as one life of a party has it.
pub(crate) struct LifeDisk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) party: Party,
    pub(crate) life: u64,
    pub(crate) medium: Medium,
}

impl LifeDisk {
    /// Refuses everything once the machine is dead; sometimes it dies right here.
    fn alive(&self, what: &'static str) -> io::Result<()> {
        self.shared.may_die(self.party, self.life, what);
        if self.shared.is_alive(self.party, self.life) {
            Ok(())
        } else {
            Err(io::Error::other("the power is gone"))
        }
    }

    fn room(&self) -> io::Result<()> {
        if self.shared.disk_is_full(self.party) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Disk for LifeDisk {
    fn journal_bytes(&self) -> io::Result<u64> {
        self.alive("journal length")?;
        Ok(self.medium.lock().journal.len() as u64)
    }

    fn journal_read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let content = self.medium.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = content.journal.get(start..start + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn journal_write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.alive("before a journal write")?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let full = self.room();
        let written = if full.is_ok() { bytes.len() } else { bytes.len() / 3 };
        {
            let mut content = self.medium.lock();
            let end = content.journal.len().max(start + written);
            content.journal.resize(end, 0);
            content.journal[start..start + written].copy_from_slice(&bytes[..written]);
        }
        full?;
        self.alive("after a journal write")
    }

    fn journal_sync(&self) -> io::Result<()> {
        self.alive("before an fsync")?;
        if self.shared.mischief == Some(Mischief::SyncThatLies) && self.shared.is_stormy() {
            return Ok(());
        }
        {
            let mut content = self.medium.lock();
            let content = &mut *content;
            content.durable.clone_from(&content.journal);
        }
        self.alive("after an fsync")
    }

    fn journal_cut(&self, bytes: u64) -> io::Result<()> {
        self.alive("journal cut")?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        self.medium.lock().journal.truncate(bytes);
        Ok(())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.medium.file(path))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.alive("put")?;
        self.room()?;
        let mut content = self.medium.lock();
        let before = content.files.insert(path.to_owned(), bytes.to_vec());
        content.unsettled.entry(path.to_owned()).or_insert(before);
        Ok(())
    }

    fn settle(&self, path: &str) -> io::Result<()> {
        self.alive("settle")?;
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let here = folder(path);
        self.medium.lock().unsettled.retain(|other, _| folder(other) != here);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.alive("remove")?;
        let inside = format!("{path}/");
        let gone = |file: &String| file == path || file.starts_with(&inside);
        let mut content = self.medium.lock();
        content.files.retain(|file, _| !gone(file));
        content.unsettled.retain(|file, _| !gone(file));
        Ok(())
    }
}
