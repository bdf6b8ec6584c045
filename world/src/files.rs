//! The parties' folders: as they were at the moment of a death, and as a deployment that
//! was set up once left them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::eye::Eye;
use crate::party::Party;
use crate::trace::Trace;

/// A party's folder.
pub(crate) fn folder(root: &Path, party: Party) -> PathBuf {
    root.join(party.name())
}

fn snapshot(root: &Path, party: Party) -> PathBuf {
    root.join(format!("{}.snapshot", party.name()))
}

/// Keeps a party's folder as it is now: what is written after its death is lost.
pub(crate) fn take_snapshot(root: &Path, party: Party, trace: &Trace) {
    if let Err(error) = replace(&folder(root, party), &snapshot(root, party)) {
        trace.broken(format!("the world cannot copy {}: {error}", party.name()));
    }
}

/// Puts a party's folder back as it was at its death.
pub(crate) fn put_snapshot_back(root: &Path, party: Party) -> io::Result<()> {
    replace(&snapshot(root, party), &folder(root, party))
}

/// Makes `to` a copy of `from`.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Shows every file of a folder to the eye.
pub(crate) fn show(folder: &Path, eye: &Eye) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            show(&path, eye)?;
        } else {
            eye.look(&fs::read(&path)?, || path.display().to_string());
        }
    }
    Ok(())
}
