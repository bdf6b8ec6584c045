//! Wrapping what was recorded: to the sealing key or the RSA key that the caller's token
//! binds. The broker's. The version is looked at once more, as it stands now: what was
//! revoked between the steps does not leave.

use autoclave_attest::jwk::{Jwk, Key};
use autoclave_attest::token::VerifiedToken;
use autoclave_base::UnixTime;
use autoclave_cell::release::{INFO, KEY_BYTES, ReleasedKey, binding};
use autoclave_seal::{Kem, PublicSealingKey, wrap as hpke};
use rand::CryptoRng;

use super::{Caller, RecordedRelease};
use crate::akv::rsa::{self, Wrapping};
use crate::vault::{KeyRecord, Material};

/// Why a recorded release could not be wrapped. Its line stays; no key left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The version was replaced, revoked or destroyed since it was granted.
    #[error("the version is not kept any more")]
    Gone,
    /// The caller's token names no key that can be sealed to.
    #[error("the token names no key to wrap to")]
    NoSealingKey,
    /// The key is of a kind that leaves by another way.
    #[error("the key leaves by another way")]
    Kind,
}

impl WrapError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "release.version_gone",
            Self::NoSealingKey => "release.no_sealing_key",
            Self::Kind => "release.kind",
        }
    }
}

/// Wraps the key to the sealing key that the caller's token binds. A record is good for one
/// answer.
#[expect(clippy::needless_pass_by_value, reason = "what was recorded is used up")]
pub(crate) fn wrap(
    recorded: RecordedRelease,
    record: Option<&KeyRecord>,
    now: UnixTime,
    rng: &mut impl CryptoRng,
) -> Result<ReleasedKey, WrapError> {
    let Caller::Workload(caller) = &recorded.release.caller else { return Err(WrapError::Kind) };
    let to = sealing_key(caller).ok_or(WrapError::NoSealingKey)?;
    let token = caller.digest();
    let material = still_there(&recorded, record, now)?;
    // What asks by this way takes keys of one size; others leave by their release policy.
    let fits = material.kty() == "oct" && material.exported().len() == KEY_BYTES;
    let secret = Some(material.exported()).filter(|_| fits).ok_or(WrapError::Kind)?;
    let (key, version) = (recorded.release.key.clone(), recorded.release.version);
    let aad = binding(&key, version, token);
    let wrapped = hpke::wrap(rng, &to, INFO, &aad, secret).map_err(|_| WrapError::NoSealingKey)?;
    Ok(ReleasedKey { key, version, token, wrapped })
}

/// Wraps the key to the RSA key in an authority's token.
pub(crate) fn wrap_to_rsa(
    recorded: &RecordedRelease,
    record: Option<&KeyRecord>,
    now: UnixTime,
    rng: &mut impl CryptoRng,
) -> Result<(Vec<u8>, Wrapping), WrapError> {
    let Caller::Authority(caller, wrapping, _) = &recorded.release.caller else {
        return Err(WrapError::Kind);
    };
    let material = still_there(recorded, record, now)?;
    let wrapped = rsa::wrap(*wrapping, caller.target(), material.exported(), rng);
    Ok((wrapped.ok_or(WrapError::NoSealingKey)?, *wrapping))
}

fn still_there<'r>(
    recorded: &RecordedRelease,
    record: Option<&'r KeyRecord>,
    now: UnixTime,
) -> Result<&'r Material, WrapError> {
    let record = record.ok_or(WrapError::Gone)?;
    let version = record.find(Some(recorded.release.version)).ok_or(WrapError::Gone)?;
    record.usable(version, now).map_err(|_| WrapError::Gone)?;
    version.released(recorded).ok_or(WrapError::Gone)
}

/// The best key that the token names.
fn sealing_key(token: &VerifiedToken) -> Option<PublicSealingKey> {
    let read = |(id, jwk): (u8, &Jwk)| match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(id, Kem::XWing, bytes).ok(),
        Key::X25519(bytes) => PublicSealingKey::from_parts(id, Kem::X25519, bytes).ok(),
        _ => None,
    };
    let keys: Vec<_> = token.sealing_keys().filter_map(read).collect();
    PublicSealingKey::best(&keys).cloned()
}
