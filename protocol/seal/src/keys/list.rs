//! `application/ohttp-keys` (RFC 9458, section 3): key configurations, each after its length.

use super::public::{KeyRefusal, PublicSealingKey};
use crate::Kem;
use crate::suite::{AEAD_ID, KDF_ID};

/// More keys than any enclave announces; a longer list is refused before it costs time.
const LIST_KEYS_MAX: usize = 16;

/// Writes the list.
#[expect(clippy::cast_possible_truncation, reason = "a configuration is at most 1,227 bytes")]
pub(super) fn encode<'a>(keys: impl Iterator<Item = &'a PublicSealingKey>) -> Vec<u8> {
    let mut list = Vec::new();
    for key in keys {
        let config = key.config();
        list.extend((config.len() as u16).to_be_bytes());
        list.extend(config);
    }
    list
}

/// Reads the list; configurations of other mechanisms or suites are passed over.
pub(super) fn decode(encoded: &[u8]) -> Result<Vec<PublicSealingKey>, KeyRefusal> {
    let mut rest = encoded;
    let mut keys = Vec::new();
    for _ in 0..LIST_KEYS_MAX {
        if rest.is_empty() {
            return Ok(keys);
        }
        let length = take_u16(&mut rest)?;
        let config = take(&mut rest, length.into())?;
        keys.extend(decode_config(config)?);
    }
    if rest.is_empty() { Ok(keys) } else { Err(KeyRefusal::List) }
}

fn decode_config(mut config: &[u8]) -> Result<Option<PublicSealingKey>, KeyRefusal> {
    let key_id = take(&mut config, 1)?[0];
    let Some(kem) = Kem::from_id(take_u16(&mut config)?) else { return Ok(None) };
    let bytes = take(&mut config, kem.public_key_bytes())?;
    let suites_len = take_u16(&mut config)?;
    let suites = take(&mut config, suites_len.into())?;
    if !config.is_empty() || suites.is_empty() || suites.len() % 4 != 0 {
        return Err(KeyRefusal::List);
    }
    let ours = [KDF_ID.to_be_bytes(), AEAD_ID.to_be_bytes()].concat();
    if !suites.chunks_exact(4).any(|suite| suite == ours) {
        return Ok(None);
    }
    PublicSealingKey::from_parts(key_id, kem, bytes).map(Some)
}

fn take_u16(rest: &mut &[u8]) -> Result<u16, KeyRefusal> {
    let bytes = take(rest, 2)?;
    Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], KeyRefusal> {
    let (taken, left) = rest.split_at_checked(length).ok_or(KeyRefusal::List)?;
    *rest = left;
    Ok(taken)
}
