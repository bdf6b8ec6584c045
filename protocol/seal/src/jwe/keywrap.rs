//! AES key wrap (RFC 3394) of one content key under one agreed key. The cipher of
//! `ECDH-ES+A256KW`; nothing of another length is wrapped here.

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes256, Block};
use zeroize::Zeroizing;

use super::KEY_BYTES;

/// Bytes of a half of AES's block.
const HALF: usize = 8;
/// Halves of a content key.
const PARTS: usize = KEY_BYTES / HALF;
/// Bytes of a wrapped content key: one half more, which tells whether it opens.
pub(super) const WRAPPED_BYTES: usize = KEY_BYTES + HALF;
/// What an unwrapped key must begin with (section 2.2.3.1).
const INITIAL: [u8; HALF] = [0xa6; HALF];
/// How often each half is gone through.
const ROUNDS: usize = 6;

/// Wraps `key` under `under` (section 2.2.1).
pub(super) fn wrap(under: &[u8; KEY_BYTES], key: &[u8; KEY_BYTES]) -> Vec<u8> {
    let cipher = Aes256::new(under.into());
    let mut wrapped = Zeroizing::new([0; WRAPPED_BYTES]);
    wrapped[..HALF].copy_from_slice(&INITIAL);
    wrapped[HALF..].copy_from_slice(key);
    for step in 1..=ROUNDS * PARTS {
        let at = place(step);
        let mut block = block(&wrapped, at);
        cipher.encrypt_block(&mut block);
        wrapped[..HALF].copy_from_slice(&block[..HALF]);
        count(&mut wrapped, step);
        wrapped[at..at + HALF].copy_from_slice(&block[HALF..]);
    }
    wrapped.to_vec()
}

/// Unwraps (section 2.2.2); none where it does not open under this key.
pub(super) fn unwrap(
    under: &[u8; KEY_BYTES],
    wrapped: &[u8],
) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let cipher = Aes256::new(under.into());
    let mut open: Zeroizing<[u8; WRAPPED_BYTES]> = Zeroizing::new(wrapped.try_into().ok()?);
    for step in (1..=ROUNDS * PARTS).rev() {
        let at = place(step);
        count(&mut open, step);
        let mut block = block(&open, at);
        cipher.decrypt_block(&mut block);
        open[..HALF].copy_from_slice(&block[..HALF]);
        open[at..at + HALF].copy_from_slice(&block[HALF..]);
    }
    let wrong =
        open[..HALF].iter().zip(INITIAL).fold(0, |wrong, (one, other)| wrong | (one ^ other));
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    key.copy_from_slice(&open[HALF..]);
    (wrong == 0).then_some(key)
}

/// Where the half of a step begins.
const fn place(step: usize) -> usize {
    HALF + (step - 1) % PARTS * HALF
}

fn block(halves: &[u8; WRAPPED_BYTES], at: usize) -> Block {
    let mut block = Block::default();
    block[..HALF].copy_from_slice(&halves[..HALF]);
    block[HALF..].copy_from_slice(&halves[at..at + HALF]);
    block
}

/// Mixes the number of a step into the first half. There are few steps: one byte holds it.
fn count(halves: &mut [u8; WRAPPED_BYTES], step: usize) {
    halves[HALF - 1] ^= step.to_le_bytes()[0];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    /// RFC 3394, section 4.6.
    #[test]
    fn keys_wrap_as_the_standard_s_example() {
        let under = bytes("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let key = bytes("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        let wrapped: [u8; WRAPPED_BYTES] = bytes(
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        );
        assert_eq!(wrap(&under, &key), wrapped);
        assert_eq!(*unwrap(&under, &wrapped).unwrap(), key);
    }

    #[test]
    fn an_altered_key_does_not_unwrap() {
        let (under, wrapped) = ([7; KEY_BYTES], wrap(&[7; KEY_BYTES], &[9; KEY_BYTES]));
        for at in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[at] ^= 1;
            assert!(unwrap(&under, &altered).is_none(), "{at}");
        }
        assert!(unwrap(&[8; KEY_BYTES], &wrapped).is_none());
        assert!(unwrap(&under, &wrapped[1..]).is_none());
    }
}
