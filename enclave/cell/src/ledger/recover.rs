//! What a ledger does before its first line after a start: it reads the journal, cuts off
//! a frame that a crash has torn, and compares the rest with what was signed. The journal
//! comes from a disk that may lie; whatever does not fit refuses the start.

use std::io;

use autoclave_ledger::audit::CHECKPOINT_PATH;
use autoclave_ledger::{Checkpoint, CheckpointRefusal, Hash, LogSigner, Tree};

use super::disk::Disk;
use super::error::LedgerError;
use super::frame::{BODY_BYTES_MAX, FrameKey, HEAD_BYTES, Head, MARK, PREFIX_BYTES};
use super::shared::{JOURNAL_LABEL, Place};
use crate::event;

/// The journal as it was found.
pub(super) struct Recovered {
    /// The tree over its lines.
    pub(super) tree: Tree,
    /// Where each line lies.
    pub(super) places: Vec<Place>,
    /// Where the next frame goes.
    pub(super) journal_bytes: u64,
}

/// Reads the journal, cuts its torn end, and checks it against the checkpoints.
pub(super) fn recover(
    disk: &dyn Disk,
    signer: &LogSigner,
    known: Option<&str>,
) -> Result<Recovered, LedgerError> {
    let length = disk.journal_bytes().map_err(LedgerError::Io)?;
    let key = FrameKey::new(signer.derive(JOURNAL_LABEL));
    let mut found = Recovered { tree: Tree::new(), places: Vec::new(), journal_bytes: 0 };
    if begun(disk, length)? {
        found.journal_bytes = MARK.len() as u64;
        while read_frame(disk, &key, length, &mut found)? {}
    }
    check_signed(disk, signer, known, &found.tree)?;
    settle(disk, length, &mut found).map_err(LedgerError::Io)?;
    Ok(found)
}

/// Whether the journal has its mark. A part of the mark is the torn beginning of one.
fn begun(disk: &dyn Disk, length: u64) -> Result<bool, LedgerError> {
    let mut mark = vec![0; MARK.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
    disk.journal_read(0, &mut mark).map_err(LedgerError::Io)?;
    let torn = length <= MARK.len() as u64 && mark.iter().all(|byte| *byte == 0);
    if MARK.starts_with(&mark) || torn { Ok(mark == MARK) } else { Err(LedgerError::Foreign) }
}

/// Reads the next frame into `found`; false at the end or where a crash has torn it.
fn read_frame(
    disk: &dyn Disk,
    key: &FrameKey,
    length: u64,
    found: &mut Recovered,
) -> Result<bool, LedgerError> {
    let offset = found.journal_bytes;
    let left = length - offset;
    let mut head = [0; HEAD_BYTES];
    if left < HEAD_BYTES as u64 {
        return Ok(false);
    }
    disk.journal_read(offset, &mut head).map_err(LedgerError::Io)?;
    let Some(head) = Head::parse(&head) else { return torn(offset, left) };
    let after = left - HEAD_BYTES as u64;
    if after < head.length as u64 {
        return torn(offset, left);
    }
    let mut body = vec![0; head.length];
    disk.journal_read(offset + HEAD_BYTES as u64, &mut body).map_err(LedgerError::Io)?;
    let (start, root) = (found.tree.size(), found.tree.root());
    match key.open(&head, start, &root, &body) {
        Some(lines) => take(&lines, found),
        None if after == head.length as u64 => return Ok(false),
        None => return Err(LedgerError::Damaged(offset)),
    }
    Ok(true)
}

/// A crash tears at most the one frame that was being written: more than a frame after
/// the damage means that somebody else did it.
fn torn(offset: u64, left: u64) -> Result<bool, LedgerError> {
    let frame_bytes_max = (HEAD_BYTES + BODY_BYTES_MAX) as u64;
    if left <= frame_bytes_max { Ok(false) } else { Err(LedgerError::Damaged(offset)) }
}

fn take(lines: &[&[u8]], found: &mut Recovered) {
    found.journal_bytes += HEAD_BYTES as u64;
    for line in lines {
        found.journal_bytes += PREFIX_BYTES as u64;
        found.places.push(Place::new(found.journal_bytes, line.len()));
        found.journal_bytes += line.len() as u64;
        found.tree.push(Hash::of_leaf(line));
    }
}

/// Refuses a journal that is shorter than, or other than, what was signed.
fn check_signed(
    disk: &dyn Disk,
    signer: &LogSigner,
    known: Option<&str>,
    tree: &Tree,
) -> Result<(), LedgerError> {
    let published = disk.read(CHECKPOINT_PATH).map_err(LedgerError::Io)?;
    let published = published.map(String::from_utf8).transpose();
    let published = published.map_err(|_| CheckpointRefusal::Malformed)?;
    for note in published.as_deref().into_iter().chain(known) {
        let checkpoint = Checkpoint::open(note, signer.public())?;
        let lines = checkpoint.size();
        match tree.root_at(lines) {
            None => return Err(LedgerError::RolledBack { size: tree.size(), signed: lines }),
            Some(root) if root != *checkpoint.root() => return Err(LedgerError::Rewritten(lines)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Cuts what is torn, begins what is new, and makes durable what was found: it may have
/// been written by a process that died before its `fsync`.
fn settle(disk: &dyn Disk, length: u64, found: &mut Recovered) -> io::Result<()> {
    if found.journal_bytes < length {
        event!(WARN, "ledger.torn_tail_cut", bytes = length - found.journal_bytes);
        disk.journal_cut(found.journal_bytes)?;
    }
    if found.journal_bytes == 0 {
        disk.journal_write(0, MARK)?;
        found.journal_bytes = MARK.len() as u64;
    }
    disk.journal_sync()
}
