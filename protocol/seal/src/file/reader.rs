//! Opens a sealed file as it is read.

use std::io::{self, Read};

use autoclave_base::Secret;
use zeroize::Zeroizing;

use super::cipher::{ChunkCipher, Header};
use super::{CHUNK_BYTES, FileRefusal, HEADER_BYTES};
use crate::suite::TAG_BYTES;

/// A chunk as it lies in the file.
const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// The plaintext of a sealed file. Every byte that it gives is authentic and in its place,
/// but only its end says that nothing is missing. Errors stay: reading on repeats them.
pub struct FileReader<R> {
    from: R,
    cipher: ChunkCipher,
    /// Sealed bytes read beyond the current chunk: one, by which the last chunk is known.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    read: usize,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Running,
    Ended,
    Failed(FileRefusal),
}

impl<R: Read> FileReader<R> {
    /// Reads the header; `key` and `context` must be those that the file was sealed with.
    pub fn new(key: &Secret<[u8; 32]>, context: &str, mut from: R) -> Result<Self, FileRefusal> {
        let mut header = [0; HEADER_BYTES];
        from.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileRefusal::Format,
            kind => FileRefusal::Io(kind),
        })?;
        let cipher = ChunkCipher::new(key, context, &Header::parse(header)?);
        let (ahead, plain) = (Vec::new(), Zeroizing::default());
        Ok(Self { from, cipher, ahead, plain, read: 0, state: State::Running })
    }

    fn next_chunk(&mut self) -> Result<State, FileRefusal> {
        let mut chunk = std::mem::take(&mut self.ahead);
        let wanted = SEALED_BYTES + 1 - chunk.len();
        let got = (&mut self.from).take(wanted as u64).read_to_end(&mut chunk);
        got.map_err(|error| FileRefusal::Io(error.kind()))?;
        self.ahead = chunk.split_off(chunk.len().min(SEALED_BYTES));
        let last = self.ahead.is_empty();
        self.cipher.open(&mut chunk, last)?;
        (self.plain, self.read) = (Zeroizing::new(chunk), 0);
        Ok(if last { State::Ended } else { State::Running })
    }
}

impl<R: Read> Read for FileReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.read == self.plain.len() {
            match self.state {
                State::Ended => return Ok(0),
                State::Failed(refusal) => return Err(refusal.into()),
                State::Running => {
                    self.state = self.next_chunk().unwrap_or_else(State::Failed);
                }
            }
        }
        let left = &self.plain[self.read..];
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.read += count;
        Ok(count)
    }
}
