//! An RSA key of our own, for readers who know no other signature: Azure's client libraries
//! verify RS256 alone. Made inside and kept in sealed state. Primes are found by
//! `crypto-primes`; every signature is made by `ring`, which checks each one before it leaves.

use autoclave_base::{Digest, b64, jcs};
use crypto_bigint::{NonZero, Odd, U1024, U2048};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use rand::CryptoRng;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

/// Bits of each of the two primes: a modulus of 2048 bits, which is what Azure uses.
const PRIME_BITS: u32 = 1024;

/// The public exponent, as everybody has it.
const EXPONENT: u32 = 65_537;

/// A key is not made or not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RSA key that signs")]
pub(crate) struct RsaError;

/// A private key.
pub(crate) struct RsaKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: RsaKeyPair,
}

impl RsaKey {
    /// A new key. Takes some tenths of a second.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Result<Self, RsaError> {
        loop {
            let (first, second) = (prime(rng)?, prime(rng)?);
            // One exponent in 65537 primes has no inverse; two equal primes have never been seen.
            if let Some(pkcs8) = assembled(&first.max(second), &first.min(second)) {
                return Self::from_pkcs8(pkcs8);
            }
        }
    }

    /// From its stored form.
    pub(crate) fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, RsaError> {
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| RsaError)?;
        Ok(Self { pkcs8, pair })
    }

    /// For sealed state, and for the library that makes certificates.
    pub(crate) fn pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RsaError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| RsaError)?;
        Ok(signature)
    }

    /// The public key (RFC 7517), named by its thumbprint.
    pub(crate) fn jwk(&self) -> Value {
        let RsaPublicKeyComponents::<Vec<u8>> { n, e } = self.pair.public().into();
        let (n, e) = (b64::encode(n), b64::encode(e));
        let kid = b64::encode(thumbprint(&n, &e).bytes());
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
    }
}

/// RFC 7638.
#[expect(clippy::expect_used, reason = "an object of texts always has a canonical form")]
fn thumbprint(n: &str, e: &str) -> Digest {
    jcs::digest(&json!({"e": e, "kty": "RSA", "n": n})).expect("texts have a canonical form")
}

/// A prime whose two highest bits are set, so that the product of two has all its bits.
fn prime(rng: &mut impl CryptoRng) -> Result<U1024, RsaError> {
    let sieve = SmallFactorsSieveFactory::new(Flavor::Any, PRIME_BITS, SetBits::TwoMsb)
        .map_err(|_| RsaError)?;
    sieve_and_find(rng, sieve, |_, candidate| is_prime(Flavor::Any, candidate))
        .ok()
        .flatten()
        .ok_or(RsaError)
}

/// The key of two primes, `p` the larger one (RFC 8017, section 3.2), as PKCS #8.
fn assembled(p: &U1024, q: &U1024) -> Option<Zeroizing<Vec<u8>>> {
    if p == q {
        return None;
    }
    let (p_1, q_1) = (p.wrapping_sub(&U1024::ONE), q.wrapping_sub(&U1024::ONE));
    let exponent = |order: &U1024| inverse(&U1024::from_u32(EXPONENT), order);
    let (dp, dq) = (exponent(&p_1)?, exponent(&q_1)?);
    let qinv = Option::<U1024>::from(q.invert_odd_mod(&Option::<Odd<_>>::from(Odd::new(*p))?))?;
    let modulus: U2048 = p.concatenating_mul(q);
    let order: U2048 = p_1.concatenating_mul(&q_1);
    let order = Option::<NonZero<_>>::from(NonZero::new(order))?;
    let d = Option::<U2048>::from(U2048::from_u32(EXPONENT).invert_mod(&order))?;
    let mut parts = vec![integer(&[0]), integer(modulus.to_be_bytes().as_ref())];
    parts.push(integer(&EXPONENT.to_be_bytes()));
    parts.push(integer(d.to_be_bytes().as_ref()));
    for part in [p, q, &dp, &dq, &qinv] {
        parts.push(integer(part.to_be_bytes().as_ref()));
    }
    let key = der(SEQUENCE, &parts.concat());
    parts.zeroize();
    let wrapped = [integer(&[0]), RSA_ENCRYPTION.to_vec(), der(OCTET_STRING, &key)].concat();
    Some(Zeroizing::new(der(SEQUENCE, &wrapped)))
}

fn inverse(value: &U1024, modulus: &U1024) -> Option<U1024> {
    let modulus = Option::<NonZero<_>>::from(NonZero::new(*modulus))?;
    value.invert_mod(&modulus).into()
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;

/// `AlgorithmIdentifier` of rsaEncryption (RFC 8017, appendix A.1): 1.2.840.113549.1.1.1, NULL.
const RSA_ENCRYPTION: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A non-negative number.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let bytes = &bytes[start..];
    let padded = if bytes[0] & 0x80 == 0 { bytes.to_vec() } else { [&[0], bytes].concat() };
    der(INTEGER, &padded)
}

/// A value with its tag and length (X.690); lengths here are below 65536.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = &length[length.len() - 2..];
    let mut all = vec![tag];
    match length {
        [0, short @ 0..0x80] => all.push(*short),
        [0, long] => all.extend([0x81, *long]),
        long => all.extend([&[0x82], long].concat()),
    }
    all.extend(value);
    all
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_signs_what_others_verify_and_survives_its_stored_form() {
        let key = RsaKey::generate(&mut Entropy).unwrap();
        let stored = RsaKey::from_pkcs8(key.pkcs8().clone()).unwrap();
        assert_eq!(stored.jwk(), key.jwk());
        let signature = stored.sign(b"message").unwrap();
        let public = key.pair.public().as_ref();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        public.verify(b"message", &signature).unwrap();
        assert!(public.verify(b"another", &signature).is_err());
        let modulus = key.jwk()["n"].as_str().map(b64::decode).unwrap().unwrap();
        assert_eq!(modulus.len(), 256, "all 2048 bits");
    }

    #[test]
    fn anything_else_is_no_key() {
        assert!(RsaKey::from_pkcs8(Zeroizing::new(vec![0x30, 0])).is_err());
        assert!(assembled(&U1024::ONE, &U1024::ONE).is_none());
    }
}
