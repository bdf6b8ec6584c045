//! Wrapping to an RSA key as Azure Key Vault does: an AES-256 key of the moment under
//! RSA-OAEP (RFC 8017), and the secret under that key by AES key wrap with padding (RFC
//! 5649). Of RSA only the public operation is done here, on numbers that `crypto-bigint`
//! brings, with an exponent that is public.

use aes_kw::{KeyInit as _, KwpAes256};
use autoclave_base::{Digest, b64, jcs};
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, Uint};
use rand::CryptoRng;
use serde_json::json;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

/// The one public exponent, as RSA keys are made today.
const EXPONENT: u32 = 65_537;
/// Bytes of the key of the moment.
const AES_BYTES: usize = 32;

/// How a key is wrapped: the hash of OAEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// `CKM_RSA_AES_KEY_WRAP`, with SHA-1: the default of the API.
    Sha1,
    /// `RSA_AES_KEY_WRAP_256`
    Sha256,
    /// `RSA_AES_KEY_WRAP_384`
    Sha384,
}

impl Wrapping {
    /// By the name in a request.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384].into_iter().find(|it| it.as_str() == text)
    }

    /// The name in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "CKM_RSA_AES_KEY_WRAP",
            Self::Sha256 => "RSA_AES_KEY_WRAP_256",
            Self::Sha384 => "RSA_AES_KEY_WRAP_384",
        }
    }
}

/// An RSA public key of 2048, 3072 or 4096 bits with exponent 65537.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaKey {
    kid: Option<String>,
    n: Vec<u8>,
}

impl RsaKey {
    /// From modulus and exponent; none for other sizes and exponents.
    pub fn new(kid: Option<String>, n: Vec<u8>, e: &[u8]) -> Option<Self> {
        let size = matches!(n.len(), 256 | 384 | 512);
        let odd = n.last().is_some_and(|byte| byte & 1 == 1);
        let whole = n.first().is_some_and(|byte| byte & 0x80 != 0);
        let exponent = e == &EXPONENT.to_be_bytes()[1..];
        (size && odd && whole && exponent).then_some(Self { kid, n })
    }

    /// From a JWK's members.
    pub fn from_jwk(jwk: &serde_json::Value) -> Option<Self> {
        let member = |name: &str| b64::decode(jwk.get(name)?.as_str()?).ok();
        let is_rsa = jwk.get("kty")?.as_str()? == "RSA";
        let kid = jwk.get("kid").and_then(|kid| kid.as_str()).map(str::to_owned);
        is_rsa.then(|| Self::new(kid, member("n")?, &member("e")?)).flatten()
    }

    /// Its name, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The modulus.
    pub fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// Its thumbprint (RFC 7638).
    #[expect(clippy::expect_used, reason = "three texts always have a canonical form")]
    pub fn digest(&self) -> Digest {
        let e = b64::encode(&EXPONENT.to_be_bytes()[1..]);
        let members = json!({ "e": e, "kty": "RSA", "n": b64::encode(&self.n) });
        jcs::digest(&members).expect("texts have a canonical form")
    }

    /// RSAES-OAEP (RFC 8017, section 7.1.1), without a label.
    fn encrypt(&self, hash: Wrapping, message: &[u8], rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
        let encoded = match hash {
            Wrapping::Sha1 => oaep::<Sha1>(self.n.len(), message, rng)?,
            Wrapping::Sha256 => oaep::<Sha256>(self.n.len(), message, rng)?,
            Wrapping::Sha384 => oaep::<Sha384>(self.n.len(), message, rng)?,
        };
        match self.n.len() {
            256 => power::<{ 2048 / 64 }>(&self.n, &encoded),
            384 => power::<{ 3072 / 64 }>(&self.n, &encoded),
            512 => power::<{ 4096 / 64 }>(&self.n, &encoded),
            _ => None,
        }
    }
}

/// Wraps `secret` to `to`: the wrapped AES key, then the wrapped secret.
pub fn wrap(
    wrapping: Wrapping,
    to: &RsaKey,
    secret: &[u8],
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let mut key = Zeroizing::new([0; AES_BYTES]);
    rng.fill_bytes(&mut *key);
    let mut wrapped = to.encrypt(wrapping, &*key, rng)?;
    wrapped.extend(key_wrap(&key, secret)?);
    Some(wrapped)
}

/// AES key wrap with padding (RFC 5649).
fn key_wrap(key: &[u8; AES_BYTES], secret: &[u8]) -> Option<Vec<u8>> {
    let mut wrapped = vec![0; secret.len().next_multiple_of(8) + 8];
    let length = KwpAes256::new(key.into()).wrap_key(secret, &mut wrapped).ok()?.len();
    (length == wrapped.len()).then_some(wrapped)
}

/// `size` bytes: a zero, the masked seed, the masked block.
fn oaep<H: sha2::Digest>(
    size: usize,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Option<Zeroizing<Vec<u8>>> {
    let hash = <H as sha2::Digest>::output_size();
    let room = size.checked_sub(2 * hash + 2)?.checked_sub(message.len())?;
    let mut block = Zeroizing::new(Vec::with_capacity(size));
    block.extend_from_slice(&H::digest([]));
    block.resize(hash + room, 0);
    block.push(1);
    block.extend_from_slice(message);
    let mut seed = Zeroizing::new(vec![0; hash]);
    rng.fill_bytes(&mut seed);
    mask::<H>(&mut block, &seed);
    mask::<H>(&mut seed, &block);
    let mut encoded = Zeroizing::new(Vec::with_capacity(size));
    encoded.push(0);
    encoded.extend_from_slice(&seed);
    encoded.extend_from_slice(&block);
    Some(encoded)
}

/// Masks `bytes` with MGF1 of `seed` (RFC 8017, appendix B.2.1).
fn mask<H: sha2::Digest>(bytes: &mut [u8], seed: &[u8]) {
    let size = <H as sha2::Digest>::output_size();
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(size)) {
        let mask = H::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// `number ^ 65537` modulo `modulus`, both of as many bytes as `LIMBS` words have. A number
/// that begins with a zero byte is below every modulus that [`RsaKey`] holds.
fn power<const LIMBS: usize>(modulus: &[u8], number: &[u8]) -> Option<Vec<u8>> {
    let modulus = Odd::new(Uint::<LIMBS>::from_be_slice(modulus)).into_option()?;
    let parameters = FixedMontyParams::new_vartime(modulus);
    let number = FixedMontyForm::new(&Uint::<LIMBS>::from_be_slice(number), &parameters);
    let power = number.pow_vartime(&U64::from_u32(EXPONENT)).retrieve();
    Some(power.as_words().iter().rev().flat_map(|word| word.to_be_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;
    use crate::akv::tests::rsa::PRIVATE;

    /// RFC 5649, section 6, is for 192 bits; this is what `cryptography` 45 says for 256.
    #[test]
    fn the_key_wrap_is_that_of_others() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(b64::encode(key_wrap(&key, b"1234567").unwrap()), KWP_7);
        assert_eq!(b64::encode(key_wrap(&key, &[7; 20]).unwrap()), KWP_20);
    }

    const KWP_7: &str = "a6XegUP6se6igv5lJoNWrA";
    const KWP_20: &str = "5Yc0_duo6xAAVFSsS1K-PXWmsuk_8G9wnt6uH9ruWM0";

    #[test]
    fn what_is_wrapped_opens_for_the_private_key_alone() {
        let secret: Vec<u8> = (0..77).collect();
        for wrapping in [Wrapping::Sha1, Wrapping::Sha256, Wrapping::Sha384] {
            let wrapped = wrap(wrapping, &PRIVATE.public(), &secret, &mut Entropy).unwrap();
            assert_eq!(PRIVATE.open(wrapping, &wrapped).as_deref(), Some(&secret[..]));
            for at in [0, 100, 255, 256, wrapped.len() - 1] {
                let mut altered = wrapped.clone();
                altered[at] ^= 1;
                assert_ne!(PRIVATE.open(wrapping, &altered).as_deref(), Some(&secret[..]));
            }
        }
    }

    #[test]
    fn other_sizes_and_exponents_are_refused() {
        let n = PRIVATE.public().n;
        let e = [1, 0, 1];
        assert!(RsaKey::new(None, n.clone(), &e).is_some());
        assert!(RsaKey::new(None, n.clone(), &[3]).is_none());
        assert!(RsaKey::new(None, n[..128].to_vec(), &e).is_none());
        let mut even = n.clone();
        even[255] &= 0xfe;
        assert!(RsaKey::new(None, even, &e).is_none());
        let mut short = n;
        short[0] = 0;
        assert!(RsaKey::new(None, short, &e).is_none());
    }
}
