//! Files sealed under one key: model weights and enclaves' state at rest. AES-256-GCM in
//! chunks of 64 KiB after the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár,
//! CRYPTO 2015), under a key of the file's own, bound to a context that the reader must
//! know. Nothing is read from or written to a disk here: callers bring the reader or writer.
//!
//! A file is a header of 40 bytes (`ACF1`, format 1, three zero bytes, a salt of 32), then
//! chunks of 65,536 bytes and a tag of 16 each, the last one shorter or full. The key (32
//! bytes) and nonce prefix (7) of a file are HKDF-SHA256 of the caller's key with that salt
//! and `info = "autoclave file v1" || 0x00 || context`. A chunk's nonce is the prefix, its
//! number (4 bytes, big-endian) and 1 if it is the last, else 0; its associated data are the
//! header and the context.

mod cipher;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::io::{self, Read as _};

use autoclave_base::Secret;
use rand_core::CryptoRng;

pub use reader::FileReader;
pub use writer::FileWriter;

/// How a sealed file begins.
pub const MAGIC: [u8; 4] = *b"ACF1";
/// Plaintext in one chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The header of a sealed file.
pub const HEADER_BYTES: usize = 40;
/// Chunks in one file: what their four-byte number can count, 256 TiB in all.
pub const CHUNKS_MAX: u64 = 1 << 32;

/// Why a sealed file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// It does not begin as a sealed file does, or is of a later format.
    #[error("not a sealed file of this format")]
    Format,
    /// A chunk does not open: wrong key, wrong context, altered, out of order, or cut short.
    #[error("the sealed file was altered or belongs elsewhere")]
    Broken,
    /// It is longer than the reader asked for.
    #[error("the sealed file is too large")]
    TooLarge,
    /// The reader or writer below failed.
    #[error("the file could not be read or written: {0}")]
    Io(io::ErrorKind),
}

impl FileRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format => "file.format",
            Self::Broken => "file.broken",
            Self::TooLarge => "file.too_large",
            Self::Io(_) => "file.io",
        }
    }

    /// The refusal behind an error that a [`FileReader`] or [`FileWriter`] gave.
    pub fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        inner.copied().unwrap_or(Self::Io(error.kind()))
    }
}

impl From<FileRefusal> for io::Error {
    fn from(refusal: FileRefusal) -> Self {
        match refusal {
            FileRefusal::Io(kind) => kind.into(),
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// Seals `plain` under `key` for `context`, a name such as `model:brain-mri`.
pub fn seal_bytes(
    rng: &mut impl CryptoRng,
    key: &Secret<[u8; 32]>,
    context: &str,
    plain: &[u8],
) -> Result<Vec<u8>, FileRefusal> {
    let mut writer = FileWriter::new(rng, key, context, Vec::new())?;
    io::Write::write_all(&mut writer, plain).map_err(|error| FileRefusal::of(&error))?;
    writer.finish()
}

/// Opens what was sealed under the same `key` and `context`. Nothing is returned unless all
/// of it is authentic.
pub fn open_bytes(
    key: &Secret<[u8; 32]>,
    context: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, FileRefusal> {
    let mut plain = Vec::with_capacity(sealed.len());
    let mut reader = FileReader::new(key, context, sealed)?;
    reader.read_to_end(&mut plain).map_err(|error| FileRefusal::of(&error))?;
    Ok(plain)
}
