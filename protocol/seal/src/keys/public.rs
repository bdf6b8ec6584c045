//! A public sealing key as tokens and `application/ohttp-keys` carry it.

use hpke::Deserializable as _;
use hpke::kem::{Kem as HpkeKem, X25519HkdfSha256, XWing};

use super::list;
use crate::Kem;
use crate::suite::{AEAD_ID, KDF_ID};

/// The public half of a sealing key: checked to be a point, or pair of points, of its kind.
/// Whether it is *the right* key is what its token says.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicSealingKey {
    key_id: u8,
    kem: Kem,
    bytes: Vec<u8>,
}

/// Why bytes are not a public sealing key, or a list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The length or the encoding does not fit the mechanism.
    #[error("not a public key of this kind")]
    Malformed,
    /// The list was cut short or has bytes left over.
    #[error("not a list of OHTTP key configurations")]
    List,
}

impl KeyRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "seal.key_malformed",
            Self::List => "seal.key_list",
        }
    }
}

impl PublicSealingKey {
    /// Takes a key apart-wise, as a token's JWK gives it.
    pub fn from_parts(key_id: u8, kem: Kem, bytes: &[u8]) -> Result<Self, KeyRefusal> {
        let valid = match kem {
            Kem::XWing => is_public_key::<XWing>(bytes),
            Kem::X25519 => is_public_key::<X25519HkdfSha256>(bytes),
        };
        valid.then(|| Self { key_id, kem, bytes: bytes.to_vec() }).ok_or(KeyRefusal::Malformed)
    }

    /// Reads `application/ohttp-keys`: the keys of our suite in the order given; keys of
    /// other suites are passed over, as RFC 9458 asks.
    pub fn list_from_ohttp_keys(encoded: &[u8]) -> Result<Vec<Self>, KeyRefusal> {
        list::decode(encoded)
    }

    /// The key to prefer: X-Wing over X25519, and the first of equals.
    pub fn best(keys: &[Self]) -> Option<&Self> {
        keys.iter().find(|key| key.kem == Kem::XWing).or_else(|| keys.first())
    }

    /// The OHTTP key id; tokens give it in decimal as the JWK's `kid`.
    pub const fn key_id(&self) -> u8 {
        self.key_id
    }

    /// The mechanism.
    pub const fn kem(&self) -> Kem {
        self.kem
    }

    /// The key itself, in the encoding of its mechanism.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One key configuration (RFC 9458, section 3.1) that offers our one suite.
    pub(crate) fn config(&self) -> Vec<u8> {
        let mut config = vec![self.key_id];
        config.extend(self.kem.id().to_be_bytes());
        config.extend(&self.bytes);
        config.extend(4_u16.to_be_bytes());
        config.extend(KDF_ID.to_be_bytes());
        config.extend(AEAD_ID.to_be_bytes());
        config
    }
}

impl std::fmt::Debug for PublicSealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicSealingKey({} {})", self.key_id, self.kem)
    }
}

fn is_public_key<K: HpkeKem>(bytes: &[u8]) -> bool {
    K::PublicKey::from_bytes(bytes).is_ok()
}
