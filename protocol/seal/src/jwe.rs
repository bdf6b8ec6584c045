//! Secrets as JSON Web Encryption (RFC 7516) in the flattened form of the KBS protocol: how
//! resources leave a broker for guests that speak it, and how such a guest opens them. The
//! broker's and the guest door's. A key under `RSA1_5`, or of any other algorithm than the
//! three below, is refused, and nothing is encrypted without its header as `aad`.
//!
//! | `tee-pubkey` | `alg` | `enc` |
//! |---|---|---|
//! | `EC`, P-256 or P-521 | `ECDH-ES+A256KW` (RFC 7518, section 4.6) | `A256GCM` |
//! | `RSA`, 2048, 3072 or 4096 bits, exponent 65537 | `RSA-OAEP-256` (section 4.3) | `A256GCM` |

mod ecdh;
mod keywrap;
mod rsa;

#[cfg(test)]
mod tests;

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use autoclave_base::{Secret, b64};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use ecdh::GuestKey;

/// Agreement on a key, and AES key wrap under it.
pub const ECDH_ES_A256KW: &str = "ECDH-ES+A256KW";
/// RSA with OAEP over SHA-256.
pub const RSA_OAEP_256: &str = "RSA-OAEP-256";
/// The one content encryption.
const A256GCM: &str = "A256GCM";
/// Bytes of a content key.
const KEY_BYTES: usize = 32;
/// Bytes of a GCM nonce.
const NONCE_BYTES: usize = 12;
/// Bytes of a GCM tag.
const TAG_BYTES: usize = 16;
/// Longest header that is read: algorithm names and two coordinates of P-521.
const HEADER_BYTES_MAX: usize = 1024;

/// Why nothing was encrypted, or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweRefusal {
    /// No such key type, curve or algorithm here; `RSA1_5` among them.
    #[error("the key's algorithm is not offered")]
    Algorithm,
    /// Not a point on the curve, not a modulus of an offered size, another exponent.
    #[error("the key is not valid")]
    Key,
    /// Wrong key, wrong header, or altered: these cannot be told apart.
    #[error("the message does not open")]
    Broken,
}

impl JweRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithm => "jwe.algorithm",
            Self::Key => "jwe.key",
            Self::Broken => "jwe.broken",
        }
    }
}

/// A guest's public key as the KBS protocol writes it. Members that are not named are not
/// looked at; what the guest signed for is the JSON itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum TeePubKey {
    /// An elliptic curve's point.
    EC {
        /// `P-256` or `P-521`.
        crv: String,
        /// `ECDH-ES+A256KW`.
        alg: String,
        /// The coordinate in base64url.
        x: String,
        /// The coordinate in base64url.
        y: String,
    },
    /// A modulus and an exponent.
    RSA {
        /// `RSA-OAEP-256`.
        alg: String,
        /// The modulus in base64url.
        n: String,
        /// The exponent in base64url.
        e: String,
    },
}

/// A key that something can be encrypted to: looked at, and found good.
#[derive(Debug, Clone)]
pub struct Recipient(Kind);

#[derive(Debug, Clone)]
enum Kind {
    P256(ecdh::Point<p256::NistP256>),
    P521(ecdh::Point<p521::NistP521>),
    Rsa(Box<rsa::PublicKey>),
}

/// The flattened JSON serialization (RFC 7516, section 7.2.2), without unprotected headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwe {
    /// The header in base64url; as ASCII, it is the additional data.
    pub protected: String,
    /// The content key, wrapped.
    #[serde(with = "b64::serde_bytes")]
    pub encrypted_key: Vec<u8>,
    /// The nonce.
    #[serde(with = "b64::serde_bytes")]
    pub iv: Vec<u8>,
    /// The content, encrypted.
    #[serde(with = "b64::serde_bytes")]
    pub ciphertext: Vec<u8>,
    /// Its tag.
    #[serde(with = "b64::serde_bytes")]
    pub tag: Vec<u8>,
}

/// Guests take the header apart and write it again to get the additional data, so that the
/// order of members matters: these, then the rest in alphabetical order.
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    enc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epk: Option<Ephemeral>,
}

/// The ephemeral key of an agreement; its members in alphabetical order.
#[derive(Serialize, Deserialize)]
pub(super) struct Ephemeral {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

impl TryFrom<&TeePubKey> for Recipient {
    type Error = JweRefusal;

    fn try_from(key: &TeePubKey) -> Result<Self, JweRefusal> {
        let kind = match key {
            TeePubKey::EC { crv, alg, x, y } => match (crv.as_str(), alg.as_str()) {
                (ecdh::P256, ECDH_ES_A256KW) => Kind::P256(ecdh::Point::parse(x, y)?),
                (ecdh::P521, ECDH_ES_A256KW) => Kind::P521(ecdh::Point::parse(x, y)?),
                _ => return Err(JweRefusal::Algorithm),
            },
            TeePubKey::RSA { alg, n, e } if alg == RSA_OAEP_256 => {
                Kind::Rsa(Box::new(rsa::PublicKey::parse(n, e)?))
            }
            TeePubKey::RSA { .. } => return Err(JweRefusal::Algorithm),
        };
        Ok(Self(kind))
    }
}

/// Encrypts `content` to one key.
pub fn encrypt(
    to: &Recipient,
    content: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Jwe, JweRefusal> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rng.fill_bytes(key.as_mut_slice());
    let (alg, encrypted_key, epk) = match &to.0 {
        Kind::P256(point) => agreed(point.wrap(&key, ecdh::P256, rng)?),
        Kind::P521(point) => agreed(point.wrap(&key, ecdh::P521, rng)?),
        Kind::Rsa(public) => (RSA_OAEP_256, public.encrypt(&key, rng)?, None),
    };
    let header = Header { alg: alg.to_owned(), enc: A256GCM.to_owned(), epk };
    let header = serde_json::to_vec(&header).map_err(|_| JweRefusal::Key)?;
    let protected = b64::encode(header);
    let mut iv = [0; NONCE_BYTES];
    rng.fill_bytes(&mut iv);
    let mut ciphertext = content.to_vec();
    let tag = Aes256Gcm::new((&*key).into())
        .encrypt_inout_detached(
            &Nonce::from(iv),
            protected.as_bytes(),
            ciphertext.as_mut_slice().into(),
        )
        .map_err(|_| JweRefusal::Key)?;
    Ok(Jwe { protected, encrypted_key, iv: iv.to_vec(), ciphertext, tag: tag.to_vec() })
}

fn agreed(wrapped: (Vec<u8>, Ephemeral)) -> (&'static str, Vec<u8>, Option<Ephemeral>) {
    (ECDH_ES_A256KW, wrapped.0, Some(wrapped.1))
}

/// Opens what was encrypted to a guest's key.
pub fn open(jwe: &Jwe, key: &GuestKey) -> Result<Secret<Vec<u8>>, JweRefusal> {
    let header = b64::decode(&jwe.protected).map_err(|_| JweRefusal::Broken)?;
    if header.len() > HEADER_BYTES_MAX {
        return Err(JweRefusal::Broken);
    }
    let header: Header = serde_json::from_slice(&header).map_err(|_| JweRefusal::Broken)?;
    let epk = match header.epk {
        Some(epk) if header.alg == ECDH_ES_A256KW && header.enc == A256GCM => epk,
        _ => return Err(JweRefusal::Algorithm),
    };
    let content_key = key.unwrap(&jwe.encrypted_key, &epk)?;
    let iv: [u8; NONCE_BYTES] = jwe.iv.as_slice().try_into().map_err(|_| JweRefusal::Broken)?;
    let tag: [u8; TAG_BYTES] = jwe.tag.as_slice().try_into().map_err(|_| JweRefusal::Broken)?;
    let mut content = Zeroizing::new(jwe.ciphertext.clone());
    Aes256Gcm::new((&*content_key).into())
        .decrypt_inout_detached(
            &Nonce::from(iv),
            jwe.protected.as_bytes(),
            content.as_mut_slice().into(),
            &Tag::from(tag),
        )
        .map_err(|_| JweRefusal::Broken)?;
    Ok(Secret::new(std::mem::take(&mut *content)))
}
