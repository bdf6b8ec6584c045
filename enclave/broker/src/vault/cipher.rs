//! Wrapping under a key of the vault, without the key leaving: AES-256-GCM, with the key's
//! version in front, so that what was wrapped before a rotation still unwraps. The vault's.
//! A wrapped text is bound to institution, name and version, and to what the caller adds.
//!
//! `ACK1`, the version (4 bytes, big-endian), a random nonce of 12, ciphertext, tag of 16.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use autoclave_base::ids::KeyName;
use autoclave_base::{Digest, Secret, UnixTime};
use rand::CryptoRng;

use super::{KeyRecord, Material, Tenant, Unusable, Version};

/// How a wrapped text begins.
const MAGIC: [u8; 4] = *b"ACK1";
const NONCE_BYTES: usize = 12;
const HEADER_BYTES: usize = MAGIC.len() + 4 + NONCE_BYTES;
const TAG_BYTES: usize = 16;

/// Shortest wrapped text.
pub const CIPHERTEXT_BYTES_MIN: usize = HEADER_BYTES + TAG_BYTES;

/// Longest text: keys and small secrets, not files. A random nonce is safe for 2^32 texts
/// under one version.
pub const PLAIN_BYTES_MAX: usize = 16 * 1024;

/// Why something was not wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// No key of 32 bytes, or no such version.
    #[error("the key cannot wrap")]
    Unsuited,
    /// The version may not be used.
    #[error("the version may not be used")]
    Unusable(Unusable),
    /// Longer than [`PLAIN_BYTES_MAX`].
    #[error("the text is too long")]
    TooLong,
    /// Altered, cut, of another key, or with other additional data: these look alike.
    #[error("the text does not open")]
    Altered,
}

impl CipherError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsuited => "keys.unsuited",
            Self::Unusable(_) => "keys.unusable",
            Self::TooLong => "keys.too_long",
            Self::Altered => "keys.altered",
        }
    }
}

impl Tenant<'_> {
    /// Wraps `plain` under the current version of a key.
    pub(crate) fn wrap(
        &self,
        (name, record): (&KeyName, &KeyRecord),
        (plain, added): (&[u8], &[u8]),
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, CipherError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(CipherError::TooLong);
        }
        let version = record.current().ok_or(CipherError::Unsuited)?;
        let cipher = cipher(record, version, now)?;
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut body = plain.to_vec();
        let binding = self.binding(name, version.number, added);
        cipher
            .encrypt_in_place(&Nonce::from(nonce), binding.bytes(), &mut body)
            .map_err(|_| CipherError::TooLong)?;
        Ok([&MAGIC[..], &version.number.to_be_bytes(), &nonce, &body].concat())
    }

    /// Unwraps what was wrapped under a version that may still be used.
    pub(crate) fn unwrap(
        &self,
        (name, record): (&KeyName, &KeyRecord),
        (wrapped, added): (&[u8], &[u8]),
        now: UnixTime,
    ) -> Result<Secret<Vec<u8>>, CipherError> {
        if wrapped.len() > PLAIN_BYTES_MAX + CIPHERTEXT_BYTES_MIN {
            return Err(CipherError::TooLong);
        }
        let (number, nonce, body) = parts(wrapped).ok_or(CipherError::Altered)?;
        let version = record.find(Some(number)).ok_or(CipherError::Altered)?;
        let cipher = cipher(record, version, now)?;
        let mut body = body.to_vec();
        let binding = self.binding(name, number, added);
        cipher
            .decrypt_in_place(&Nonce::from(nonce), binding.bytes(), &mut body)
            .map_err(|_| CipherError::Altered)?;
        Ok(Secret::new(body))
    }

    fn binding(&self, name: &KeyName, version: u32, added: &[u8]) -> Digest {
        let institution = self.institution().as_str().as_bytes();
        let version = version.to_be_bytes();
        let name = name.as_str().as_bytes();
        Digest::of_parts(&[b"autoclave key wrap v1", institution, name, &version, added])
    }
}

fn cipher(record: &KeyRecord, version: &Version, now: UnixTime) -> Result<Aes256Gcm, CipherError> {
    record.usable(version, now).map_err(CipherError::Unusable)?;
    match version.material() {
        Some(Material::Oct { k }) => {
            let key: &[u8; 32] = k.expose().try_into().map_err(|_| CipherError::Unsuited)?;
            Ok(Aes256Gcm::new(key.into()))
        }
        _ => Err(CipherError::Unsuited),
    }
}

fn parts(wrapped: &[u8]) -> Option<(u32, [u8; NONCE_BYTES], &[u8])> {
    let rest = wrapped.strip_prefix(&MAGIC)?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>()?;
    (body.len() >= TAG_BYTES).then_some((u32::from_be_bytes(*version), *nonce, body))
}
