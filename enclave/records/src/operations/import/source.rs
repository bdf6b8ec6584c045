//! The next lines of an import, from an upload or a file. A file lies in the one folder that
//! the hospital configured: names with a path, or that begin with a dot, are none.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::Import;
use super::job::{self, Job, Source};
use crate::server::Fault;

/// Bytes of one batch from a file; one longer line is read whole.
const BATCH_BYTES: usize = 1 << 20;
/// Longest line: the largest resource that a request may bring is smaller.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Lines that are stored together.
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) count: u64,
    /// Where the next ones are.
    pub(super) next: Source,
    /// Whether there are none.
    pub(super) is_last: bool,
}

impl Import {
    /// The next lines of a job; `None`: all were read.
    pub(super) fn lines(&self, job: &Job) -> Result<Option<Lines>, Fault> {
        let Some(input) = job.input() else { return Ok(None) };
        match &input.source {
            Source::Upload { parts, at } => {
                let name = job::upload(&job.id, &at.to_string());
                let text = self.vault.get(&name)?.unwrap_or_default();
                let next = Source::Upload { parts: *parts, at: at + 1 };
                Ok(Some(Lines { count: count(&text), text, next, is_last: at + 1 >= *parts }))
            }
            Source::File { name, offset } => self.read_file(name, *offset).map(Some),
        }
    }

    /// The path of a file of the folder.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_plain = !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed);
        Some(self.folder.as_ref().filter(|_| is_plain)?.join(name))
    }

    fn read_file(&self, name: &str, offset: u64) -> Result<Lines, Fault> {
        let failed = |_| Fault::internal("a file of an import cannot be read");
        let path = self.file(name).ok_or_else(Fault::not_found)?;
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut reader = BufReader::new(file);
        let (mut text, mut is_last) = (Vec::new(), false);
        while text.len() < BATCH_BYTES {
            let before = text.len();
            reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text).map_err(failed)?;
            if text.len() == before {
                is_last = true;
                break;
            }
        }
        let offset = offset + u64::try_from(text.len()).unwrap_or(u64::MAX);
        let next = Source::File { name: name.to_owned(), offset };
        Ok(Lines { count: count(&text), text, next, is_last })
    }
}

fn count(text: &[u8]) -> u64 {
    let lines = text.split(|byte| *byte == b'\n').count();
    let is_ended = text.is_empty() || text.ends_with(b"\n");
    u64::try_from(lines - usize::from(is_ended)).unwrap_or(u64::MAX)
}
