//! What is inside a sealed body: the logical id, which stands nowhere else, and the document,
//! compressed with a dictionary that every FHIR server could have. The store's.

use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;

/// Trained on HL7's own examples (CC0); see `dictionary.md`. Bodies depend on it for ever.
const DICTIONARY: &[u8] = include_bytes!("dictionary");
/// Where time and size meet.
const LEVEL: i32 = 3;
/// The form of what is inside.
const FORM: u8 = 1;
/// Largest document.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest logical id; FHIR has 64 characters.
pub(super) const ID_BYTES_MAX: usize = 64;
/// Machines that are kept for the next one who needs one.
const KEPT_MAX: usize = 8;

/// Packs and unpacks.
#[derive(Default)]
pub(super) struct Codec {
    packers: Mutex<Vec<Compressor<'static>>>,
    unpackers: Mutex<Vec<Decompressor<'static>>>,
}

impl Codec {
    /// An id, and a document where there is one.
    pub(super) fn pack(&self, id: &str, document: Option<&[u8]>) -> Result<Vec<u8>, StoreError> {
        let length = u8::try_from(id.len()).map_err(|_| StoreError::TooLarge)?;
        let mut inside = Vec::with_capacity(id.len() + 6);
        inside.extend_from_slice(&[FORM, length]);
        inside.extend_from_slice(id.as_bytes());
        let Some(document) = document else { return Ok(inside) };
        if document.len() > DOCUMENT_BYTES_MAX || id.len() > ID_BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        let bytes = u32::try_from(document.len()).map_err(|_| StoreError::TooLarge)?;
        inside.extend_from_slice(&bytes.to_be_bytes());
        let kept = take(&self.packers);
        let mut machine = match kept {
            Some(machine) => machine,
            None => {
                Compressor::with_dictionary(LEVEL, DICTIONARY).map_err(|_| StoreError::Engine)?
            }
        };
        let small = machine.compress(document).map_err(|_| StoreError::Engine)?;
        give_back(&self.packers, machine);
        inside.extend_from_slice(&small);
        Ok(inside)
    }

    /// The id, and the document where there is one.
    pub(super) fn unpack(&self, packed: &[u8]) -> Result<(String, Option<Vec<u8>>), StoreError> {
        let [FORM, length, rest @ ..] = packed else { return Err(StoreError::Malformed) };
        let (id, rest) =
            rest.split_at_checked(usize::from(*length)).ok_or(StoreError::Malformed)?;
        let id = str::from_utf8(id).map_err(|_| StoreError::Malformed)?.to_owned();
        if rest.is_empty() {
            return Ok((id, None));
        }
        let (bytes, small) = rest.split_first_chunk::<4>().ok_or(StoreError::Malformed)?;
        let bytes = u32::from_be_bytes(*bytes) as usize;
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(StoreError::Malformed);
        }
        let kept = take(&self.unpackers);
        let mut machine = match kept {
            Some(machine) => machine,
            None => Decompressor::with_dictionary(DICTIONARY).map_err(|_| StoreError::Engine)?,
        };
        let document = machine.decompress(small, bytes).map_err(|_| StoreError::Malformed)?;
        give_back(&self.unpackers, machine);
        Ok((id, Some(document)))
    }
}

fn take<T>(kept: &Mutex<Vec<T>>) -> Option<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn give_back<T>(kept: &Mutex<Vec<T>>, machine: T) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT_MAX {
        kept.push(machine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out() {
        let codec = Codec::default();
        let document = br#"{"resourceType":"Patient","id":"7","active":true}"#;
        let packed = codec.pack("7", Some(document)).unwrap();
        assert_eq!(codec.unpack(&packed).unwrap(), ("7".to_owned(), Some(document.to_vec())));
        let gone = codec.pack("7", None).unwrap();
        assert_eq!(codec.unpack(&gone).unwrap(), ("7".to_owned(), None));
        assert!(codec.pack(&"7".repeat(65), Some(document)).is_err());
        assert!(codec.unpack(&packed[..packed.len() - 1]).is_err());
        assert!(codec.unpack(&[2, 0]).is_err());
    }
}
