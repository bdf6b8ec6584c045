//! Seals a file as it is written.

use std::io::{self, Write};

use autoclave_base::Secret;
use rand_core::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::cipher::{ChunkCipher, Header};
use super::{CHUNK_BYTES, FileRefusal};
use crate::suite::TAG_BYTES;

/// Takes plaintext and writes a sealed file. Without [`FileWriter::finish`] the file has no
/// last chunk and does not open.
pub struct FileWriter<W: Write> {
    to: W,
    cipher: ChunkCipher,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> FileWriter<W> {
    /// Writes the header. Files sealed under the same key differ by the salt from `rng`.
    pub fn new(
        rng: &mut impl CryptoRng,
        key: &Secret<[u8; 32]>,
        context: &str,
        mut to: W,
    ) -> Result<Self, FileRefusal> {
        let header = Header::fresh(rng);
        to.write_all(header.bytes()).map_err(|error| FileRefusal::Io(error.kind()))?;
        let cipher = ChunkCipher::new(key, context, &header);
        Ok(Self { to, cipher, chunk: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + TAG_BYTES)) })
    }

    /// Seals what is left as the last chunk and gives the writer back.
    pub fn finish(mut self) -> Result<W, FileRefusal> {
        self.write_chunk(true)?;
        self.to.flush().map_err(|error| FileRefusal::Io(error.kind()))?;
        Ok(self.to)
    }

    fn write_chunk(&mut self, last: bool) -> Result<(), FileRefusal> {
        let sealed = self.cipher.seal(&mut self.chunk, last);
        let written = sealed.and_then(|()| {
            self.to.write_all(&self.chunk).map_err(|error| FileRefusal::Io(error.kind()))
        });
        self.chunk.zeroize();
        written
    }
}

impl<W: Write> Write for FileWriter<W> {
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        // A full chunk waits until more comes: only then is it known not to be the last.
        if self.chunk.len() == CHUNK_BYTES && !plain.is_empty() {
            self.write_chunk(false)?;
        }
        let count = plain.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&plain[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
