//! The few things that the ledger asks of a disk, behind a trait so that tests can make it
//! fail. The disk belongs to the machine; nothing that it answers is believed unchecked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::error::LedgerError;

/// The journal's file name.
pub(super) const JOURNAL: &str = "journal";

/// What a new file is called until it is whole.
const UNFINISHED: &str = "unfinished";

/// A journal, and a folder of small files beside it.
pub trait Disk: Send + Sync + 'static {
    /// How long the journal is.
    fn journal_bytes(&self) -> io::Result<u64>;
    /// Fills `buffer` from the journal.
    fn journal_read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes to the journal; not durable before [`Disk::journal_sync`].
    fn journal_write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the journal durable.
    fn journal_sync(&self) -> io::Result<()>;
    /// Cuts the journal.
    fn journal_cut(&self, bytes: u64) -> io::Result<()>;
    /// A file beside the journal; none where there is none.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    /// Puts a file in place, its bytes durable and whole, or not at all. That it is in its
    /// folder is durable after [`Disk::settle`].
    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// As [`Disk::put`] for several files, each whole or not at all; all of them durable when
    /// it returns.
    fn put_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        files.iter().try_for_each(|(path, bytes)| self.put(path, bytes))
    }
    /// Makes durable which files the folder of `path` has.
    fn settle(&self, path: &str) -> io::Result<()>;
    /// Removes a file, or a folder with all that is in it.
    fn remove(&self, path: &str) -> io::Result<()>;
}

/// A folder of the host's file system, locked against other processes.
pub(super) struct Folder {
    path: PathBuf,
    journal: File,
}

impl Folder {
    /// Opens `path`, made where it does not exist.
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(path).map_err(LedgerError::Io)?;
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(true).truncate(false);
        let journal = how.open(path.join(JOURNAL)).map_err(LedgerError::Io)?;
        match journal.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::InUse),
            Err(TryLockError::Error(error)) => return Err(LedgerError::Io(error)),
        }
        sync_folder(path).map_err(LedgerError::Io)?;
        Ok(Self { path: path.to_owned(), journal })
    }

    /// Makes the folders down to `folder`, each durable in its parent.
    fn make(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = folder.parent().unwrap_or(&self.path);
        self.make(parent)?;
        fs::create_dir(folder)?;
        sync_folder(parent)
    }
}

impl Disk for Folder {
    fn journal_bytes(&self) -> io::Result<u64> {
        Ok(self.journal.metadata()?.len())
    }

    fn journal_read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.journal.read_exact_at(buffer, offset)
    }

    fn journal_write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.journal.write_all_at(bytes, offset)
    }

    fn journal_sync(&self) -> io::Result<()> {
        self.journal.sync_data()
    }

    fn journal_cut(&self, bytes: u64) -> io::Result<()> {
        self.journal.set_len(bytes)
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (target, unfinished) = (self.path.join(path), self.path.join(UNFINISHED));
        let folder = target.parent().unwrap_or(&self.path);
        self.make(folder)?;
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &target)
    }

    /// All are written before the first is synced: that sync brings most of the others to
    /// the disk with it, so that tiles cost the journal little.
    fn put_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let mut written = Vec::with_capacity(files.len());
        for (nth, (path, bytes)) in files.iter().enumerate() {
            let target = self.path.join(path);
            self.make(target.parent().unwrap_or(&self.path))?;
            let unfinished = self.path.join(format!("{UNFINISHED}-{nth}"));
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            written.push((file, unfinished, target));
        }
        written.iter().try_for_each(|(file, _, _)| file.sync_all())?;
        written.iter().try_for_each(|(_, unfinished, target)| fs::rename(unfinished, target))
    }

    fn settle(&self, path: &str) -> io::Result<()> {
        sync_folder(self.path.join(path).parent().unwrap_or(&self.path))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let target = self.path.join(path);
        let removed =
            if target.is_dir() { fs::remove_dir_all(&target) } else { fs::remove_file(&target) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
