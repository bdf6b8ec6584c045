//! Files that are replaced as a whole: written beside, synced, renamed, and the folder
//! synced, so that a crash leaves the old one or the new one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::StateError;
use crate::limits::STATE_BYTES_MAX;

/// Held while an enclave runs.
const LOCK: &str = "lock";

/// A file that was not renamed yet: nothing, if a crash left it.
const UNFINISHED: &str = "tmp";

/// Takes the folder for this process.
pub(super) fn lock(folder: &Path) -> Result<File, StateError> {
    if !folder.is_dir() {
        return Err(StateError::NoFolder(folder.to_owned()));
    }
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Whether the folder holds nothing that an earlier life left.
pub(super) fn is_unused(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let unfinished = path.extension().is_some_and(|extension| extension == UNFINISHED);
        if !unfinished && path.file_name().is_none_or(|name| name != LOCK) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The file's content, if there is a file.
pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, StateError> {
    let file = match File::open(folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Twice the bound of the clear form: room for the sealed form's overhead.
    let limit = 2 * STATE_BYTES_MAX as u64;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(StateError::TooLarge) } else { Ok(Some(content)) }
}

/// Replaces the file; durable when it returns.
pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(name).with_extension(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}
