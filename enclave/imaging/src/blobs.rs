//! Where the bytes of images are: by their digest, for one patient, in parts that are sealed
//! one by one. The hospital's. Whoever destroys a patient's key destroys these too.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use autoclave_base::Digest;
use autoclave_records::Tenant;
use autoclave_records::store::{Store, StoreError};

pub use autoclave_records::store::PART_BYTES_MAX as PART_BYTES;

/// Why bytes are not kept or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There are none of this digest for this patient.
    #[error("there are no such bytes")]
    Missing,
    /// A part does not open, or is elsewhere than where it was written.
    #[error("the bytes do not open")]
    Sealed,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The patient was erased.
    #[error("the patient was erased")]
    Erased,
    /// The store failed.
    #[error("the bytes cannot be read or written")]
    Engine,
}

/// Whose bytes.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// Of which institution.
    pub tenant: Tenant,
    /// The patient's logical id.
    pub patient: &'a str,
}

/// Keeps bytes by their digest. Calls block.
pub trait Blobs: Send + Sync {
    /// Keeps bytes; those that are kept already are not kept twice. The digest is what they
    /// are found by, and no more.
    fn put(&self, owner: Owner<'_>, bytes: &[u8]) -> Result<Digest, BlobError>;

    /// One part, the first being 0.
    fn part(&self, owner: Owner<'_>, digest: &Digest, part: u32) -> Result<Vec<u8>, BlobError>;
}

/// A range of the bytes: only the parts that it touches are opened.
pub fn range(
    blobs: &dyn Blobs,
    owner: Owner<'_>,
    digest: &Digest,
    range: Range<usize>,
) -> Result<Vec<u8>, BlobError> {
    let mut bytes = Vec::with_capacity(range.len());
    for at in range.start / PART_BYTES..range.end.div_ceil(PART_BYTES) {
        let part = u32::try_from(at).map_err(|_| BlobError::Missing)?;
        let clear = blobs.part(owner, digest, part)?;
        let begins = at * PART_BYTES;
        let from = range.start.saturating_sub(begins).min(clear.len());
        let to = (range.end - begins).min(clear.len());
        bytes.extend_from_slice(&clear[from..to.max(from)]);
    }
    if bytes.len() == range.len() { Ok(bytes) } else { Err(BlobError::Sealed) }
}

/// The records' own store: each part sealed under its patient's key. A digest is keyed there,
/// and says nothing of the bytes.
impl Blobs for Store {
    fn put(&self, owner: Owner<'_>, bytes: &[u8]) -> Result<Digest, BlobError> {
        let mut parts = bytes.chunks(PART_BYTES);
        let next = || Ok::<_, StoreError>(parts.next().map(<[u8]>::to_vec));
        let blob = self.blob_put(owner.tenant, Some(owner.patient), next)?;
        Ok(Digest::from_bytes(blob.digest))
    }

    fn part(&self, owner: Owner<'_>, digest: &Digest, part: u32) -> Result<Vec<u8>, BlobError> {
        let part = part.checked_add(1).ok_or(BlobError::Missing)?;
        let clear = self.read::<_, StoreError>(owner.tenant, |view| {
            let Some(blob) = view.blob(Some(owner.patient), digest.bytes())? else {
                return Ok(None);
            };
            view.blob_part(&blob, part)
        });
        clear?.ok_or(BlobError::Missing)
    }
}

impl From<StoreError> for BlobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sealed | StoreError::Malformed => Self::Sealed,
            StoreError::Full => Self::Full,
            StoreError::Erased => Self::Erased,
            _ => Self::Engine,
        }
    }
}

/// Bytes in memory, for tests and for trying out.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<HashMap<(Tenant, String, Digest), Vec<u8>>>);

impl MemoryBlobs {
    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, owner: Owner<'_>, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry((owner.tenant, owner.patient.to_owned(), digest)).or_insert(bytes.to_vec());
        Ok(digest)
    }

    fn part(&self, owner: Owner<'_>, digest: &Digest, part: u32) -> Result<Vec<u8>, BlobError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.get(&(owner.tenant, owner.patient.to_owned(), *digest));
        let mut parts = bytes.ok_or(BlobError::Missing)?.chunks(PART_BYTES);
        parts.nth(part as usize).map(<[u8]>::to_vec).ok_or(BlobError::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_across_parts_and_nobody_elses() {
        let blobs = MemoryBlobs::default();
        let owner = Owner { tenant: Tenant(1), patient: "p" };
        let bytes: Vec<u8> = (0..=248).cycle().take(PART_BYTES * 2 + 10).collect();
        let digest = blobs.put(owner, &bytes).unwrap();
        for place in [0..0, 0..5, PART_BYTES - 3..PART_BYTES + 3, 5..bytes.len()] {
            assert_eq!(range(&blobs, owner, &digest, place.clone()).unwrap(), bytes[place]);
        }
        assert!(range(&blobs, owner, &digest, 0..bytes.len() + 1).is_err());
        for other in [Owner { patient: "q", ..owner }, Owner { tenant: Tenant(2), ..owner }] {
            assert_eq!(range(&blobs, other, &digest, 0..5), Err(BlobError::Missing));
        }
    }
}
