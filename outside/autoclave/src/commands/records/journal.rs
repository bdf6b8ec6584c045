//! What was sent already, so that an import that was stopped goes on where it was. It belongs
//! to `records import`. It holds digests and counts, nothing of what was sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autoclave_base::Digest;
use serde::{Deserialize, Serialize};

use crate::failure::Outcome;
use crate::files;

/// Parcels sent, by the digest of their file.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    address: String,
    parcels: BTreeMap<String, usize>,
}

/// The journal on disk.
pub(super) struct Journal {
    path: PathBuf,
    sent: Sent,
}

impl Journal {
    /// Reads it, or begins one; a journal of another clinic counts for nothing.
    pub(super) fn open(path: &Path, address: &str) -> Outcome<Self> {
        let begun = || Sent { address: address.to_owned(), ..Sent::default() };
        let sent: Sent = if path.exists() { files::read_json(path)? } else { begun() };
        let sent = if sent.address == address { sent } else { begun() };
        Ok(Self { path: path.to_owned(), sent })
    }

    /// How many parcels of a file were sent.
    pub(super) fn sent(&self, file: Digest) -> usize {
        self.sent.parcels.get(&file.hex()).copied().unwrap_or_default()
    }

    /// Remembers that the first `count` parcels of a file were sent.
    pub(super) fn note(&mut self, file: Digest, count: usize) -> Outcome {
        self.sent.parcels.insert(file.hex(), count);
        files::write_private_json(&self.path, &self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_remembered_for_this_clinic_and_this_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.json");
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let mut journal = Journal::open(&path, "here").unwrap();
        journal.note(one, 3).unwrap();
        let again = Journal::open(&path, "here").unwrap();
        assert_eq!((again.sent(one), again.sent(other)), (3, 0));
        assert_eq!(Journal::open(&path, "there").unwrap().sent(one), 0);
    }
}
