//! What a key is made of. The vault's: bytes that are erased when dropped, in a clear form
//! that exists in sealed records only. Who may have them is decided elsewhere.

use autoclave_base::{Secret, b64};
use rand::CryptoRng;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Symmetric keys of these sizes in bytes: AES-128, 192 and 256.
pub const OCT_BYTES: [usize; 3] = [16, 24, 32];

/// Bytes that open something: base64url in sealed records.
#[derive(Clone)]
pub(crate) struct SecretBytes(pub(crate) Secret<Vec<u8>>);

impl SecretBytes {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Secret::new(bytes))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(b64::encode(self.expose())))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        b64::decode(&text).map(Self::new).map_err(de::Error::custom)
    }
}

/// A curve whose keys the vault takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256.
    #[serde(rename = "P-256")]
    P256,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
}

impl Curve {
    /// Bytes of a coordinate and of the private number.
    pub const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    fn algorithm(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        }
    }
}

/// The bytes of a key, with what of it is public.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kty", deny_unknown_fields)]
pub(crate) enum Material {
    /// A symmetric key.
    #[serde(rename = "oct")]
    Oct { k: SecretBytes },
    /// RSA with modulus and exponent.
    #[serde(rename = "RSA")]
    Rsa {
        pkcs8: SecretBytes,
        #[serde(with = "b64::serde_bytes")]
        n: Vec<u8>,
        #[serde(with = "b64::serde_bytes")]
        e: Vec<u8>,
    },
    /// An elliptic curve's key with its point.
    #[serde(rename = "EC")]
    Ec {
        pkcs8: SecretBytes,
        crv: Curve,
        #[serde(with = "b64::serde_bytes")]
        x: Vec<u8>,
        #[serde(with = "b64::serde_bytes")]
        y: Vec<u8>,
    },
}

impl Material {
    /// A new symmetric key of `bytes` bytes.
    pub(crate) fn new_oct(bytes: usize, rng: &mut impl CryptoRng) -> Self {
        let mut k = vec![0; bytes];
        rng.fill_bytes(&mut k);
        Self::oct(k)
    }

    /// A symmetric key of these bytes.
    pub(crate) fn oct(k: Vec<u8>) -> Self {
        Self::Oct { k: SecretBytes::new(k) }
    }

    /// A new key on `crv`, by `ring` with the system's randomness.
    pub(crate) fn new_ec(crv: Curve) -> Option<Self> {
        let random = ring::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(crv.algorithm(), &random).ok()?;
        Self::ec(crv, pkcs8.as_ref().to_vec())
    }

    /// An elliptic curve's key from PKCS#8, if its public point is that of its number.
    pub(crate) fn ec(crv: Curve, pkcs8: Vec<u8>) -> Option<Self> {
        let pkcs8 = SecretBytes::new(pkcs8);
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(crv.algorithm(), pkcs8.expose(), &random).ok()?;
        let point = pair.public_key().as_ref().strip_prefix(&[4])?;
        let (x, y) = point.split_at_checked(crv.bytes())?;
        Some(Self::Ec { crv, x: x.to_vec(), y: y.to_vec(), pkcs8 })
    }

    /// An RSA key from PKCS#8, if its parts belong together; 2048 bits at least.
    pub(crate) fn rsa(pkcs8: Vec<u8>) -> Option<Self> {
        let pkcs8 = SecretBytes::new(pkcs8);
        let pair = ring::rsa::KeyPair::from_pkcs8(pkcs8.expose()).ok()?;
        let PublicKeyComponents { n, e } = pair.public().into();
        Some(Self::Rsa { n, e, pkcs8 })
    }

    /// What leaves when the key is released: the bytes of a symmetric key, PKCS#8 of others.
    pub(crate) fn exported(&self) -> &[u8] {
        match self {
            Self::Oct { k } => k.expose(),
            Self::Rsa { pkcs8, .. } | Self::Ec { pkcs8, .. } => pkcs8.expose(),
        }
    }

    /// The kind of key, as JWK calls it.
    pub(crate) const fn kty(&self) -> &'static str {
        match self {
            Self::Oct { .. } => "oct",
            Self::Rsa { .. } => "RSA",
            Self::Ec { .. } => "EC",
        }
    }

    /// Whether both are the same key.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let own = Secret::new(self.exported().to_vec());
        self.kty() == other.kty() && own.same_as(&Secret::new(other.exported().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    fn again(material: &Material) -> Material {
        serde_json::from_slice(&serde_json::to_vec(material).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_reads_back_as_the_same_key() {
        let ec = [Curve::P256, Curve::P384].map(|crv| Material::new_ec(crv).unwrap());
        let oct = OCT_BYTES.map(|bytes| Material::new_oct(bytes, &mut Entropy));
        for material in ec.iter().chain(&oct) {
            assert!(material.same_as(&again(material)));
        }
        assert!(!ec[0].same_as(&ec[1]) && !oct[0].same_as(&oct[1]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let Material::Ec { pkcs8, .. } = Material::new_ec(Curve::P256).unwrap() else {
            panic!("not on a curve");
        };
        let mut altered = pkcs8.expose().to_vec();
        *altered.last_mut().unwrap() ^= 1;
        assert!(Material::ec(Curve::P256, altered).is_none());
        assert!(Material::ec(Curve::P384, pkcs8.expose().to_vec()).is_none());
        assert!(Material::rsa(pkcs8.expose().to_vec()).is_none());
    }
}
