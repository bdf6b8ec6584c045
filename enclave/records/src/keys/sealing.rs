//! Sealing by AES-256-GCM (ring): bodies under their patient's key, patients' keys under
//! their bucket's, buckets under the root. Each is bound to its place, and opens nowhere else.

use autoclave_base::Secret;
use autoclave_seal::kdf;
use autoclave_search::Blind;
use rand::CryptoRng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::root::Root;
use crate::Tenant;

/// A sealed body or key does not open: altered, elsewhere than where it was written, or under
/// another key. These look alike on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed body does not open")]
pub struct SealBroken;

/// Everything that is derived from the records key.
pub(crate) struct RecordsKeys {
    /// Of the database's pages.
    pub(crate) pages: Secret<[u8; 32]>,
    /// Of the terms of the index.
    pub(crate) blind: Blind,
    /// Of the digests of blobs.
    pub(crate) blobs: Secret<[u8; 32]>,
    /// Of backups' manifests.
    pub(crate) manifests: Secret<[u8; 32]>,
}

impl RecordsKeys {
    /// Derives them; the labels are fixed for ever, since data on disk depends on them.
    pub(crate) fn derive(records: &Secret<[u8; 32]>) -> Self {
        let key = |label| kdf::derive(records.expose(), label);
        Self {
            pages: key("records database pages v1"),
            blind: Blind::new(&key("records index terms v1")),
            blobs: key("records blob digests v1"),
            manifests: key("records backup manifests v1"),
        }
    }
}

/// Where something sealed belongs.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// A version of a resource, whose key binds type and id.
    Body { tenant: Tenant, kind: u8, key: i64, version: u32 },
    /// A part of a blob.
    Part { tenant: Tenant, blob: i64, part: u32 },
    /// A frame of a backup, whose key is its file's own.
    Frame { number: u64 },
    /// A patient's key, in a bucket.
    Patient { tenant: Tenant, patient: i64 },
    /// A bucket's key, under the root of this number.
    Bucket { tenant: Tenant, bucket: i64, root: u64 },
}

impl Place {
    fn bytes(self) -> [u8; 19] {
        let (label, tenant, number, rest) = match self {
            Self::Body { tenant, kind, key, version } => {
                (b'r', tenant, key, (u64::from(kind) << 32) | u64::from(version))
            }
            Self::Part { tenant, blob, part } => (b'b', tenant, blob, u64::from(part)),
            Self::Frame { number } => (b'f', Tenant(0), 0, number),
            Self::Patient { tenant, patient } => (b'p', tenant, patient, 0),
            Self::Bucket { tenant, bucket, root } => (b'k', tenant, bucket, root),
        };
        let mut bytes = [0; 19];
        bytes[0] = label;
        bytes[1..3].copy_from_slice(&tenant.0.to_be_bytes());
        bytes[3..11].copy_from_slice(&number.to_be_bytes());
        bytes[11..].copy_from_slice(&rest.to_be_bytes());
        bytes
    }
}

/// A key that seals: a patient's, the institution's or a bucket's.
#[derive(Clone)]
pub(crate) struct DataKey(Secret<[u8; 32]>);

impl DataKey {
    /// A new one.
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(Secret::new(*key))
    }

    /// One that was derived for this use alone.
    pub(crate) const fn of(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Seals a body for its place: ciphertext, tag, then the nonce.
    pub(crate) fn seal(&self, at: Place, clear: Vec<u8>, rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&self.0, at, clear, rng)
    }

    /// Opens a body from its place.
    pub(crate) fn open(&self, at: Place, sealed: Vec<u8>) -> Result<Vec<u8>, SealBroken> {
        open(&self.0, at, sealed)
    }

    /// This key, wrapped under a bucket's.
    pub(crate) fn wrapped(&self, by: &Self, at: Place, rng: &mut impl CryptoRng) -> Vec<u8> {
        by.seal(at, self.0.expose().to_vec(), rng)
    }

    /// The key that was wrapped under this one.
    pub(crate) fn unwrap(&self, at: Place, wrapped: Vec<u8>) -> Result<Self, SealBroken> {
        key(self.open(at, wrapped)?)
    }

    /// This bucket's key, wrapped under the root.
    pub(crate) fn rooted(&self, root: &Root, at: Place, rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&root.key, at, self.0.expose().to_vec(), rng)
    }

    /// The bucket's key that was wrapped under the root.
    pub(crate) fn unroot(root: &Root, at: Place, wrapped: Vec<u8>) -> Result<Self, SealBroken> {
        key(open(&root.key, at, wrapped)?)
    }
}

fn key(bytes: Vec<u8>) -> Result<DataKey, SealBroken> {
    let bytes = Zeroizing::new(bytes);
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SealBroken)?;
    Ok(DataKey(Secret::new(key)))
}

#[expect(clippy::expect_used, reason = "a key of 32 bytes is a key of AES-256")]
fn cipher(key: &Secret<[u8; 32]>) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("a key of 32 bytes"))
}

#[expect(clippy::expect_used, reason = "no body is a hundredth of AES-GCM's 64 GiB")]
fn seal(key: &Secret<[u8; 32]>, at: Place, mut body: Vec<u8>, rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    body.reserve(AES_256_GCM.tag_len() + NONCE_LEN);
    cipher(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(at.bytes()),
            &mut body,
        )
        .expect("a body far below the limit of AES-GCM");
    body.extend_from_slice(&nonce);
    body
}

fn open(key: &Secret<[u8; 32]>, at: Place, mut sealed: Vec<u8>) -> Result<Vec<u8>, SealBroken> {
    let cut = sealed.len().checked_sub(NONCE_LEN).ok_or(SealBroken)?;
    let nonce: [u8; NONCE_LEN] = sealed[cut..].try_into().map_err(|_| SealBroken)?;
    sealed.truncate(cut);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let clear = cipher(key).open_in_place(nonce, Aad::from(at.bytes()), &mut sealed);
    let bytes = clear.map_err(|_| SealBroken)?.len();
    sealed.truncate(bytes);
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    const AT: Place = Place::Body { tenant: Tenant(1), kind: 7, key: 9, version: 1 };

    #[test]
    fn a_body_opens_in_its_place_only() {
        let key = DataKey::new(&mut Entropy);
        let sealed = key.seal(AT, b"body".to_vec(), &mut Entropy);
        assert_eq!(key.open(AT, sealed.clone()).unwrap(), b"body");
        for other in [
            Place::Body { tenant: Tenant(2), kind: 7, key: 9, version: 1 },
            Place::Body { tenant: Tenant(1), kind: 8, key: 9, version: 1 },
            Place::Body { tenant: Tenant(1), kind: 7, key: 8, version: 1 },
            Place::Body { tenant: Tenant(1), kind: 7, key: 9, version: 2 },
            Place::Part { tenant: Tenant(1), blob: 9, part: 1 },
        ] {
            assert_eq!(key.open(other, sealed.clone()), Err(SealBroken));
        }
        assert_eq!(DataKey::new(&mut Entropy).open(AT, sealed), Err(SealBroken));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = DataKey::new(&mut Entropy);
        let sealed = key.seal(AT, b"body".to_vec(), &mut Entropy);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(key.open(AT, flipped), Err(SealBroken), "{at}");
            assert_eq!(key.open(AT, sealed[..at].to_vec()), Err(SealBroken), "{at}");
        }
    }

    #[test]
    fn a_patients_key_comes_through_its_bucket_and_root_only() {
        let (root, other) = (Root::new(1, &mut Entropy), Root::new(2, &mut Entropy));
        let (patient, bucket) = (DataKey::new(&mut Entropy), DataKey::new(&mut Entropy));
        let in_bucket = Place::Patient { tenant: Tenant(1), patient: 5 };
        let in_root = Place::Bucket { tenant: Tenant(1), bucket: 3, root: 1 };
        let wrapped = patient.wrapped(&bucket, in_bucket, &mut Entropy);
        let rooted = bucket.rooted(&root, in_root, &mut Entropy);
        assert!(DataKey::unroot(&other, in_root, rooted.clone()).is_err());
        let bucket = DataKey::unroot(&root, in_root, rooted).unwrap();
        let elsewhere = Place::Patient { tenant: Tenant(1), patient: 6 };
        assert!(bucket.unwrap(elsewhere, wrapped.clone()).is_err());
        let again = bucket.unwrap(in_bucket, wrapped).unwrap();
        assert!(again.0.same_as(&patient.0));
    }
}
