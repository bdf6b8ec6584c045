//! A file of sealed frames, each bound to its file and its place in it, the last one marked:
//! none can be altered, left out, moved or cut off unnoticed. The store's.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use autoclave_base::{Digest, Secret};
use autoclave_cell::Entropy;
use autoclave_seal::kdf;
use rand::Rng as _;

use crate::keys::{DataKey, Place};
use crate::store::StoreError;

/// What a file begins with.
const HEADER: &[u8; 16] = b"autoclave backup";
/// Clear bytes after which a frame is closed.
const FRAME_BYTES: usize = 1 << 20;
/// Longest frame: one row may be a part of a blob.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// The number of the table that stands for the end.
pub(super) const END: u8 = u8::MAX;
/// Where time and size meet: bodies do not get smaller, the index does.
const LEVEL: i32 = 1;

pub(super) struct Writer {
    file: BufWriter<File>,
    key: DataKey,
    number: u64,
    table: u8,
    clear: Vec<u8>,
}

fn failed(error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full,
        std::io::ErrorKind::NotFound => StoreError::Missing,
        _ => StoreError::Engine,
    }
}

/// The key of one file.
fn key_of(secret: &Secret<[u8; 32]>, id: [u8; 32]) -> DataKey {
    DataKey::of(kdf::derive(secret.expose(), &format!("backup {}", Digest::from_bytes(id).hex())))
}

impl Writer {
    pub(super) fn create(path: &Path, secret: &Secret<[u8; 32]>) -> Result<Self, StoreError> {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        let mut file = BufWriter::new(file.map_err(|error| failed(&error))?);
        let mut id = [0; 32];
        Entropy.fill_bytes(&mut id);
        let written = file.write_all(HEADER).and_then(|()| file.write_all(&id));
        written.map_err(|error| failed(&error))?;
        Ok(Self { file, key: key_of(secret, id), number: 0, table: END, clear: Vec::new() })
    }

    /// Rows of this table follow.
    pub(super) const fn table(&mut self, number: u8) {
        self.table = number;
    }

    /// Where a row goes.
    pub(super) const fn room(&mut self) -> &mut Vec<u8> {
        &mut self.clear
    }

    /// A row was written.
    pub(super) fn row(&mut self) -> Result<(), StoreError> {
        if self.clear.len() < FRAME_BYTES { Ok(()) } else { self.flush() }
    }

    /// Closes the frame.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.clear.is_empty() {
            return Ok(());
        }
        let small = zstd::bulk::compress(&self.clear, LEVEL).map_err(|_| StoreError::Engine)?;
        self.clear.clear();
        let frame = [&[self.table][..], &small].concat();
        let sealed = self.key.seal(Place::Frame { number: self.number }, frame, &mut Entropy);
        self.number += 1;
        let length = u32::try_from(sealed.len()).map_err(|_| StoreError::TooLarge)?;
        let written = self.file.write_all(&length.to_be_bytes());
        written.and_then(|()| self.file.write_all(&sealed)).map_err(|error| failed(&error))
    }

    /// Writes the last frame, and waits for the disk.
    pub(super) fn finish(mut self, last: &[u8]) -> Result<(), StoreError> {
        self.flush()?;
        self.table = END;
        self.clear.extend_from_slice(last);
        self.flush()?;
        self.file.flush().map_err(|error| failed(&error))?;
        self.file.get_ref().sync_all().map_err(|error| failed(&error))
    }
}

pub(super) struct Reader {
    file: BufReader<File>,
    key: DataKey,
    number: u64,
}

impl Reader {
    pub(super) fn open(path: &Path, secret: &Secret<[u8; 32]>) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| failed(&error))?;
        let mut file = BufReader::new(file);
        let (mut header, mut id) = ([0; HEADER.len()], [0; 32]);
        let read = file.read_exact(&mut header).and_then(|()| file.read_exact(&mut id));
        if read.is_err() || header != *HEADER {
            return Err(StoreError::Malformed);
        }
        Ok(Self { file, key: key_of(secret, id), number: 0 })
    }

    /// The next frame: of which table, and its rows. A file that was cut off is an error.
    pub(super) fn next(&mut self) -> Result<(u8, Vec<u8>), StoreError> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length).map_err(|_| StoreError::Sealed)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(StoreError::Sealed);
        }
        let mut sealed = vec![0; length];
        self.file.read_exact(&mut sealed).map_err(|_| StoreError::Sealed)?;
        let frame = self.key.open(Place::Frame { number: self.number }, sealed)?;
        self.number += 1;
        let (table, small) = frame.split_first().ok_or(StoreError::Malformed)?;
        let clear = zstd::bulk::decompress(small, FRAME_BYTES_MAX);
        Ok((*table, clear.map_err(|_| StoreError::Malformed)?))
    }
}
