//! What leaves for a cache: keyed hashes as names, and values that open in one place and
//! until one time only. The cell's. Whoever keeps them learns sizes and times, and can
//! forget; nothing else.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use autoclave_base::{Digest, Phi, Secret, UnixTime};
use autoclave_seal::kdf;
use hkdf::HkdfExtract;
use rand::CryptoRng;
use sha2::Sha256;

/// Bytes of a nonce of AES-GCM; random, safe for 2^32 values under one key: at ten a
/// second, thirteen years.
const NONCE_BYTES: usize = 12;
/// Bytes of the end of life.
const END_BYTES: usize = 8;
/// Of the form below; a value of another is none.
const VERSION: u8 = 1;

/// Why a value is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// Altered, cut, from another place, under another key or with another end: these look
    /// alike.
    #[error("the value does not open here")]
    Altered,
    /// Its time is over.
    #[error("the value's time is over")]
    Over,
}

impl Unusable {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Over => "over",
        }
    }
}

/// One key for names, one for values.
pub(super) struct Keys {
    names: Secret<[u8; 32]>,
    values: Secret<[u8; 32]>,
}

impl Keys {
    pub(super) fn derive(key: &Secret<[u8; 32]>) -> Self {
        Self {
            names: kdf::derive(key.expose(), "cache names v1"),
            values: kdf::derive(key.expose(), "cache values v1"),
        }
    }

    /// HMAC-SHA256 (HKDF-Extract is just that) of space and name, each after its length.
    pub(super) fn name(&self, space: &str, name: &[u8]) -> Digest {
        let mut mac = HkdfExtract::<Sha256>::new(Some(self.names.expose()));
        mac.input_ikm(Digest::of_parts(&[space.as_bytes(), name]).bytes());
        Digest::from_bytes(mac.finalize().0.into())
    }

    /// Ciphertext, tag, nonce, end (8 bytes, big-endian), version; in place, since an image
    /// is large.
    #[expect(clippy::expect_used, reason = "AES-GCM refuses 64 GiB and more")]
    pub(super) fn seal(
        &self,
        key: &Digest,
        value: Phi<Vec<u8>>,
        end: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let mut body = value.into_inner();
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let binding = binding(key, end);
        Aes256Gcm::new(self.values.expose().into())
            .encrypt_in_place(&Nonce::from(nonce), binding.bytes(), &mut body)
            .expect("a value far below the limit of AES-GCM");
        body.extend_from_slice(&nonce);
        body.extend_from_slice(&end.seconds().to_be_bytes());
        body.push(VERSION);
        body
    }

    /// The value, if it was sealed for this name and its end is not yet.
    pub(super) fn open(
        &self,
        key: &Digest,
        mut sealed: Vec<u8>,
        now: UnixTime,
    ) -> Result<Phi<Vec<u8>>, Unusable> {
        if sealed.pop() != Some(VERSION) {
            return Err(Unusable::Altered);
        }
        let end = UnixTime::from_seconds(u64::from_be_bytes(cut::<END_BYTES>(&mut sealed)?));
        let nonce = Nonce::from(cut::<NONCE_BYTES>(&mut sealed)?);
        let cipher = Aes256Gcm::new(self.values.expose().into());
        cipher
            .decrypt_in_place(&nonce, binding(key, end).bytes(), &mut sealed)
            .map_err(|_| Unusable::Altered)?;
        if now < end { Ok(Phi::new(sealed)) } else { Err(Unusable::Over) }
    }
}

fn binding(key: &Digest, end: UnixTime) -> Digest {
    let end = end.seconds().to_be_bytes();
    Digest::of_parts(&[b"autoclave cache value v1", key.bytes(), &end])
}

/// Takes the last bytes off.
fn cut<const N: usize>(from: &mut Vec<u8>) -> Result<[u8; N], Unusable> {
    let at = from.len().checked_sub(N).ok_or(Unusable::Altered)?;
    let bytes = from[at..].try_into().map_err(|_| Unusable::Altered)?;
    from.truncate(at);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entropy;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn keys(seed: u8) -> Keys {
        Keys::derive(&Secret::new([seed; 32]))
    }

    fn sealed(key: &Digest) -> Vec<u8> {
        keys(1).seal(key, Phi::new(b"Okafor".to_vec()), NOW.plus(60), &mut Entropy)
    }

    fn open(
        keys: &Keys,
        key: &Digest,
        sealed: Vec<u8>,
        now: UnixTime,
    ) -> Result<Vec<u8>, Unusable> {
        keys.open(key, sealed, now).map(Phi::into_inner)
    }

    #[test]
    fn a_value_opens_in_its_place_and_time_only() {
        let (key, other) = (keys(1).name("a", b"x"), keys(1).name("a", b"y"));
        let value = sealed(&key);
        assert_eq!(open(&keys(1), &key, value.clone(), NOW), Ok(b"Okafor".to_vec()));
        assert_eq!(open(&keys(1), &other, value.clone(), NOW), Err(Unusable::Altered));
        assert_eq!(open(&keys(2), &key, value.clone(), NOW), Err(Unusable::Altered));
        assert_eq!(open(&keys(1), &key, value, NOW.plus(60)), Err(Unusable::Over));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = keys(1).name("a", b"x");
        let value = sealed(&key);
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut flipped = value.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(open(&keys(1), &key, flipped, NOW), Err(Unusable::Altered), "{at}");
            }
            assert_eq!(open(&keys(1), &key, value[..at].to_vec(), NOW), Err(Unusable::Altered));
        }
    }

    #[test]
    fn names_depend_on_key_space_and_name() {
        let name = keys(1).name("ab", b"c");
        assert_eq!(name, keys(1).name("ab", b"c"));
        for other in [keys(2).name("ab", b"c"), keys(1).name("a", b"bc"), keys(1).name("ab", b"d")]
        {
            assert_ne!(name, other);
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let key = keys(1).name("a", b"x");
        assert_ne!(sealed(&key), sealed(&key));
    }
}
