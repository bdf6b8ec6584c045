//! `TPM2_MakeCredential` without a TPM (TPM 2.0 Part 1, section 24): a secret sealed to an
//! endorsement key, and bound to the name of an attestation key. The station's. Of RSA only
//! the public operation is done here, on numbers that `crypto-bigint` brings.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use autoclave_base::Secret;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, U2048};
use hmac::{Hmac, Mac as _};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Reader as _, SliceReader};
use zeroize::Zeroizing;

use super::{ANSWER_BYTES, Challenge};

/// Bytes of an RSA-2048 modulus.
const MODULUS_BYTES: usize = 256;
/// Bytes of SHA-256, which names endorsement keys of template L-1.
const HASH_BYTES: usize = 32;
/// Bytes of an AES-128 key, which such keys protect their children with.
const AES_BYTES: usize = 16;
/// What is in front of the seed in OAEP: a zero, the masked hash, the masked rest.
const BLOCK_BYTES: usize = MODULUS_BYTES - HASH_BYTES - 1;
/// The only public exponent that TPMs use by default, and that we encrypt under.
const EXPONENT: u32 = 65_537;
/// Label of OAEP and its terminating zero (Part 1, appendix B.10.4).
const OAEP_LABEL: &[u8] = b"IDENTITY\0";

/// The public part of an endorsement key: RSA-2048 with exponent 65537.
pub(super) struct EndorsementKey(Odd<U2048>);

impl EndorsementKey {
    /// From `RSAPublicKey` (RFC 8017, appendix A.1.1). None for other sizes and exponents.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let (modulus, exponent) = reader
            .sequence(|reader| {
                let modulus: UintRef<'_> = reader.decode()?;
                let exponent: UintRef<'_> = reader.decode()?;
                Ok::<_, x509_cert::der::Error>((modulus, exponent))
            })
            .ok()?;
        reader.finish().ok()?;
        let modulus: [u8; MODULUS_BYTES] = modulus.as_bytes().try_into().ok()?;
        let sound = exponent.as_bytes() == &EXPONENT.to_be_bytes()[1..] && modulus[0] >= 0x80;
        let modulus = Odd::new(U2048::from_be_slice(&modulus)).into_option();
        modulus.filter(|_| sound).map(Self)
    }

    /// RSAES-OAEP (RFC 8017, section 7.1.1) with SHA-256 and the label `IDENTITY`.
    fn encrypt(
        &self,
        message: &[u8; HASH_BYTES],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> [u8; MODULUS_BYTES] {
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        block[..HASH_BYTES].copy_from_slice(&Sha256::digest(OAEP_LABEL));
        block[BLOCK_BYTES - HASH_BYTES - 1] = 1;
        block[BLOCK_BYTES - HASH_BYTES..].copy_from_slice(message);
        let mut seed = Zeroizing::new([0; HASH_BYTES]);
        rng.fill_bytes(seed.as_mut_slice());
        mask(block.as_mut_slice(), seed.as_slice());
        mask(seed.as_mut_slice(), block.as_slice());
        let mut encoded = Zeroizing::new([0; MODULUS_BYTES]);
        encoded[1..=HASH_BYTES].copy_from_slice(seed.as_slice());
        encoded[HASH_BYTES + 1..].copy_from_slice(block.as_slice());
        self.power(&encoded)
    }

    /// `number ^ 65537` modulo the modulus. A number that begins with a zero byte is below
    /// every modulus that [`Self::parse`] accepts.
    fn power(&self, number: &[u8; MODULUS_BYTES]) -> [u8; MODULUS_BYTES] {
        let parameters = FixedMontyParams::new_vartime(self.0);
        let number = FixedMontyForm::new(&U2048::from_be_slice(number), &parameters);
        let power = number.pow_vartime(&U64::from_u32(EXPONENT)).retrieve();
        let mut bytes = [0; MODULUS_BYTES];
        bytes.copy_from_slice(power.to_be_bytes().as_ref());
        bytes
    }
}

/// Masks `bytes` with MGF1-SHA-256 of `seed` (RFC 8017, appendix B.2.1).
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(HASH_BYTES)) {
        let mask = Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// Seals `secret` so that only the TPM of `key` opens it, and only beside the key `name`.
pub(super) fn make(
    key: &EndorsementKey,
    name: &[u8],
    secret: &Secret<[u8; ANSWER_BYTES]>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Challenge {
    let mut seed = Zeroizing::new([0; HASH_BYTES]);
    rng.fill_bytes(seed.as_mut_slice());
    let storage = derive(&seed, "STORAGE", name, 128);
    let integrity = derive(&seed, "INTEGRITY", &[], 256);
    let mut sealed = sized(secret.expose());
    cfb(&storage, &mut sealed);
    let tag = hmac(integrity.as_slice(), &[&sealed, name]);
    let blob = [sized(&tag), sealed].concat();
    Challenge { credential_blob: sized(&blob), secret_enc: sized(&key.encrypt(&seed, rng)) }
}

/// A `TPM2B`. All that are made here are shorter than 512 bytes.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

/// `KDFa` (Part 1, section 11.4.10.2) with SHA-256, for up to one hash: `bits` of it count.
fn derive(seed: &[u8; HASH_BYTES], label: &str, context: &[u8], bits: u32) -> Zeroizing<[u8; 32]> {
    let parts = [&1_u32.to_be_bytes(), label.as_bytes(), &[0], context, &bits.to_be_bytes()];
    Zeroizing::new(hmac(seed, &parts))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// AES-128 in CFB mode from a zero vector: as TPMs protect what leaves them.
fn cfb(key: &[u8; HASH_BYTES], bytes: &mut [u8]) {
    let mut short = Zeroizing::new([0; AES_BYTES]);
    short.copy_from_slice(&key[..AES_BYTES]);
    let cipher = Aes128::new(&(*short).into());
    let mut vector = aes::Block::default();
    for chunk in bytes.chunks_mut(AES_BYTES) {
        cipher.encrypt_block(&mut vector);
        for (byte, mask) in chunk.iter_mut().zip(vector.iter_mut()) {
            *byte ^= *mask;
            *mask = *byte;
        }
    }
}
