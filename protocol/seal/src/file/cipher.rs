//! The STREAM cipher of one file: header, chunk numbers, last-chunk flag.

use autoclave_base::Secret;
use rand_core::CryptoRng;

use super::{FileRefusal, HEADER_BYTES, MAGIC};
use crate::gcm::{Gcm, KEY_BYTES};
use crate::kdf;

/// Precedes the context, so that no other use of HKDF on the same key can collide.
const DOMAIN: &[u8] = b"autoclave file v1\0";
/// The format that this code writes, and the only one that it reads.
const FORMAT: u8 = 1;
/// Magic, format and three zero bytes; the salt follows.
const FIXED_BYTES: usize = 8;
const PREFIX_BYTES: usize = 7;

/// What begins a sealed file.
#[derive(Clone, Copy)]
pub(super) struct Header([u8; HEADER_BYTES]);

impl Header {
    /// A header with a fresh salt.
    pub(super) fn fresh(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Self::fixed();
        rng.fill_bytes(&mut bytes[FIXED_BYTES..]);
        Self(bytes)
    }

    /// Takes the bytes of a header of our format.
    pub(super) fn parse(bytes: [u8; HEADER_BYTES]) -> Result<Self, FileRefusal> {
        if bytes[..FIXED_BYTES] != Self::fixed()[..FIXED_BYTES] {
            return Err(FileRefusal::Format);
        }
        Ok(Self(bytes))
    }

    pub(super) const fn bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.0
    }

    fn fixed() -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
        bytes[MAGIC.len()] = FORMAT;
        bytes
    }
}

/// Seals or opens the chunks of one file, in order.
pub(super) struct ChunkCipher {
    aead: Gcm,
    prefix: [u8; PREFIX_BYTES],
    /// The associated data of every chunk: header and context.
    bound: Vec<u8>,
    /// The number of the next chunk; none after the last that can be numbered.
    number: Option<u32>,
}

impl ChunkCipher {
    pub(super) fn new(key: &Secret<[u8; 32]>, context: &str, header: &Header) -> Self {
        let salt = &header.bytes()[FIXED_BYTES..];
        let keys = kdf::expand::<{ KEY_BYTES + PREFIX_BYTES }>(
            Some(salt),
            key.expose(),
            &[DOMAIN, context.as_bytes()],
        );
        let (key, nonce) = keys.expose().split_at(KEY_BYTES);
        let mut file_key = [0; KEY_BYTES];
        file_key.copy_from_slice(key);
        let aead = Gcm::new(&file_key);
        zeroize::Zeroize::zeroize(&mut file_key);
        let mut prefix = [0; PREFIX_BYTES];
        prefix.copy_from_slice(nonce);
        let bound = [header.bytes().as_slice(), context.as_bytes()].concat();
        Self { aead, prefix, bound, number: Some(0) }
    }

    /// Seals `chunk` in place and appends its tag.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), FileRefusal> {
        let nonce = self.next_nonce(last)?;
        self.aead.seal(nonce, &self.bound, chunk).map_err(|_| FileRefusal::TooLarge)
    }

    /// Opens `chunk` in place and takes its tag off.
    pub(super) fn open(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), FileRefusal> {
        let nonce = self.next_nonce(last)?;
        self.aead.open(nonce, &self.bound, chunk).map_err(|_| FileRefusal::Broken)
    }

    fn next_nonce(&mut self, last: bool) -> Result<[u8; 12], FileRefusal> {
        let number = self.number.ok_or(FileRefusal::TooLarge)?;
        self.number = number.checked_add(1);
        let mut nonce = [0; 12];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(last);
        Ok(nonce)
    }
}
