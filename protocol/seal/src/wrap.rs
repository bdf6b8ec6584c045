//! Small secrets sealed to one public key in a single shot: how keys leave a broker for
//! attested code. HPKE base mode (RFC 9180) under the suite of [`crate::Kem`], bound to what
//! the caller names in `info` and `aad`. Nothing here proves who wrapped: the answer that
//! carries a wrapped key does.

#[cfg(test)]
mod tests;

use autoclave_base::{Secret, b64};
use hpke::aead::{AeadTag, AesGcm128};
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem as HpkeKem, X25519HkdfSha256, XWing};
use hpke::{Deserializable as _, HpkeError, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::suite::TAG_BYTES;
use crate::{Kem, PublicSealingKey, SealingKeys};

/// The longest secret: a key with room to spare. Data is sealed in requests or files.
pub const SECRET_BYTES_MAX: usize = 4096;
/// How the `info` of sealed requests begins; a wrap under it could pass for one.
const INFO_OF_REQUESTS: &[u8] = b"message/";

/// A secret that only the holder of one private key can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrapped {
    /// The id of the key that it is wrapped to.
    pub key_id: u8,
    /// The encapsulated key.
    #[serde(with = "b64::serde_bytes")]
    pub enc: Vec<u8>,
    /// The ciphertext and its tag.
    #[serde(with = "b64::serde_bytes")]
    pub ct: Vec<u8>,
}

/// Why a secret was not wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapRefusal {
    /// The public key yields no shared secret (a point of low order).
    #[error("the public key cannot be sealed to")]
    KeyInvalid,
    /// More than [`SECRET_BYTES_MAX`] bytes.
    #[error("the secret is too long to be wrapped")]
    TooLong,
    /// The `info` is one that belongs to sealed requests.
    #[error("this info belongs to sealed requests")]
    Info,
}

impl WrapRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyInvalid => "wrap.key_invalid",
            Self::TooLong => "wrap.too_long",
            Self::Info => "wrap.info",
        }
    }
}

/// Why a wrapped secret was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapRefusal {
    /// It is wrapped to a key that is not, or no longer, held.
    #[error("wrapped to a key that is not held")]
    KeyUnknown,
    /// Wrong key, wrong `info`, wrong `aad`, or altered: these cannot be told apart.
    #[error("the wrapped secret does not open")]
    Broken,
}

impl UnwrapRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyUnknown => "wrap.key_unknown",
            Self::Broken => "wrap.broken",
        }
    }
}

/// Seals `secret` to the key `to`. `info` names the purpose, `aad` what it belongs to; both
/// must be given again to open it.
pub fn wrap(
    rng: &mut impl CryptoRng,
    to: &PublicSealingKey,
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
) -> Result<Wrapped, WrapRefusal> {
    if secret.len() > SECRET_BYTES_MAX {
        return Err(WrapRefusal::TooLong);
    }
    if info.starts_with(INFO_OF_REQUESTS) {
        return Err(WrapRefusal::Info);
    }
    let (enc, ct) = match to.kem() {
        Kem::XWing => seal::<XWing>(rng, to.bytes(), info, aad, secret),
        Kem::X25519 => seal::<X25519HkdfSha256>(rng, to.bytes(), info, aad, secret),
    }
    .map_err(|_| WrapRefusal::KeyInvalid)?;
    Ok(Wrapped { key_id: to.key_id(), enc, ct })
}

impl SealingKeys {
    /// Opens what [`wrap`] sealed to one of these keys under the same `info` and `aad`.
    pub fn unwrap(
        &self,
        wrapped: &Wrapped,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, UnwrapRefusal> {
        let pair = self.find(wrapped.key_id).ok_or(UnwrapRefusal::KeyUnknown)?;
        let seed = pair.seed.expose();
        match pair.public.kem() {
            Kem::XWing => open::<XWing>(seed, wrapped, info, aad),
            Kem::X25519 => open::<X25519HkdfSha256>(seed, wrapped, info, aad),
        }
        .map_err(|_| UnwrapRefusal::Broken)
    }
}

fn seal<K: HpkeKem>(
    rng: &mut impl CryptoRng,
    public: &[u8],
    info: &[u8],
    aad: &[u8],
    secret: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    let public = K::PublicKey::from_bytes(public)?;
    let mut ct = secret.to_vec();
    let (enc, tag) = hpke::single_shot_seal_inout_detached_with_rng::<AesGcm128, HkdfSha256, K>(
        &OpModeS::Base,
        &public,
        info,
        ct.as_mut_slice().into(),
        aad,
        rng,
    )?;
    ct.extend_from_slice(&tag.to_bytes());
    Ok((enc.to_bytes().to_vec(), ct))
}

fn open<K: HpkeKem>(
    seed: &[u8],
    wrapped: &Wrapped,
    info: &[u8],
    aad: &[u8],
) -> Result<Secret<Vec<u8>>, HpkeError> {
    let length = wrapped.ct.len().checked_sub(TAG_BYTES).ok_or(HpkeError::OpenError)?;
    let (ct, tag) = wrapped.ct.split_at(length);
    let mut secret = ct.to_vec();
    hpke::single_shot_open_inout_detached::<AesGcm128, HkdfSha256, K>(
        &OpModeR::Base,
        &K::derive_keypair(seed).0,
        &K::EncappedKey::from_bytes(&wrapped.enc)?,
        info,
        secret.as_mut_slice().into(),
        aad,
        &AeadTag::<AesGcm128>::from_bytes(tag)?,
    )?;
    Ok(Secret::new(secret))
}
