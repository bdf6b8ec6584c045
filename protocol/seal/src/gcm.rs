//! AES-256-GCM (NIST SP 800-38D) with nonces of 96 bits and tags of 128: the cipher under
//! sealed files. Whoever calls it answers for nonces that never repeat under a key. The key
//! is held by the cipher, and wiped with it.

use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// A text too long to be sealed, or one that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text cannot be sealed or does not open")]
pub struct GcmError;

/// The cipher under one key.
pub struct Gcm(Aes256Gcm);

impl Gcm {
    /// Takes a key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut schedule = aes_gcm::Key::<Aes256Gcm>::default();
        schedule.copy_from_slice(key);
        let cipher = Aes256Gcm::new(&schedule);
        zeroize::Zeroize::zeroize(schedule.as_mut_slice());
        Self(cipher)
    }

    /// Seals `text` in place and appends its tag.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<(), GcmError> {
        self.0.encrypt_in_place(&nonce.into(), bound, text).map_err(|_| GcmError)
    }

    /// Opens `text` in place and takes its tag off.
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        bound: &[u8],
        text: &mut Vec<u8>,
    ) -> Result<(), GcmError> {
        self.0.decrypt_in_place(&nonce.into(), bound, text).map_err(|_| GcmError)
    }
}
