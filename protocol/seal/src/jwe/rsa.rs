//! `RSA-OAEP-256` (RFC 8017, section 7.1.1; RFC 7518, section 4.3): the public operation
//! alone, on numbers that `crypto-bigint` brings, for the three sizes that guests use. No
//! private key of RSA exists here.

use autoclave_base::b64;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, U2048, U3072, U4096};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{JweRefusal, KEY_BYTES};

/// Bytes of SHA-256, for the label's hash and the mask.
const HASH_BYTES: usize = 32;
/// The only public exponent that is encrypted under.
const EXPONENT: u32 = 65_537;

/// A public key of an offered size.
#[derive(Debug, Clone)]
pub(super) enum PublicKey {
    Bits2048(Odd<U2048>),
    Bits3072(Odd<U3072>),
    Bits4096(Odd<U4096>),
}

impl PublicKey {
    /// From a JWK's members.
    pub(super) fn parse(n: &str, e: &str) -> Result<Self, JweRefusal> {
        let modulus = b64::decode(n).map_err(|_| JweRefusal::Key)?;
        let exponent = b64::decode(e).map_err(|_| JweRefusal::Key)?;
        let full = modulus.first().is_some_and(|byte| *byte >= 0x80);
        if exponent != EXPONENT.to_be_bytes()[1..] || !full {
            return Err(JweRefusal::Key);
        }
        let key = match modulus.len() {
            256 => Odd::new(U2048::from_be_slice(&modulus)).into_option().map(Self::Bits2048),
            384 => Odd::new(U3072::from_be_slice(&modulus)).into_option().map(Self::Bits3072),
            512 => Odd::new(U4096::from_be_slice(&modulus)).into_option().map(Self::Bits4096),
            _ => None,
        };
        key.ok_or(JweRefusal::Key)
    }

    /// Encrypts a content key; the label is empty.
    pub(super) fn encrypt(
        &self,
        key: &[u8; KEY_BYTES],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, JweRefusal> {
        let encoded = encode(self.bytes(), key, rng).ok_or(JweRefusal::Key)?;
        Ok(match self {
            Self::Bits2048(modulus) => {
                let parameters = FixedMontyParams::new_vartime(*modulus);
                let number = FixedMontyForm::new(&U2048::from_be_slice(&encoded), &parameters);
                let power = number.pow_vartime(&U64::from_u32(EXPONENT)).retrieve();
                power.to_be_bytes().as_ref().to_vec()
            }
            Self::Bits3072(modulus) => {
                let parameters = FixedMontyParams::new_vartime(*modulus);
                let number = FixedMontyForm::new(&U3072::from_be_slice(&encoded), &parameters);
                let power = number.pow_vartime(&U64::from_u32(EXPONENT)).retrieve();
                power.to_be_bytes().as_ref().to_vec()
            }
            Self::Bits4096(modulus) => {
                let parameters = FixedMontyParams::new_vartime(*modulus);
                let number = FixedMontyForm::new(&U4096::from_be_slice(&encoded), &parameters);
                let power = number.pow_vartime(&U64::from_u32(EXPONENT)).retrieve();
                power.to_be_bytes().as_ref().to_vec()
            }
        })
    }

    const fn bytes(&self) -> usize {
        match self {
            Self::Bits2048(_) => 256,
            Self::Bits3072(_) => 384,
            Self::Bits4096(_) => 512,
        }
    }
}

/// EME-OAEP: a zero, the masked seed, the masked block. None where the modulus is too short.
fn encode(
    size: usize,
    key: &[u8; KEY_BYTES],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<Zeroizing<Vec<u8>>> {
    let mut encoded = Zeroizing::new(vec![0; size]);
    let (front, block) = encoded.split_at_mut_checked(1 + HASH_BYTES)?;
    let seed = front.get_mut(1..)?;
    let start = block.len().checked_sub(KEY_BYTES)?;
    block.get_mut(..HASH_BYTES)?.copy_from_slice(&Sha256::digest(b""));
    *block.get_mut(start.checked_sub(1)?)? = 1;
    block.get_mut(start..)?.copy_from_slice(key);
    rng.fill_bytes(seed);
    mask(block, seed);
    mask(seed, block);
    Some(encoded)
}

/// Masks `bytes` with MGF1-SHA-256 of `seed` (RFC 8017, appendix B.2.1).
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(HASH_BYTES)) {
        let mask = Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
