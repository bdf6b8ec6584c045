//! The attestor's signing keys over time: the next one is published before it signs, the
//! last ones until their last token has expired. The attestor's alone. Which key signs
//! and which are published follows from the time; nothing here reads a clock.

#[cfg(test)]
mod tests;

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::token::{KeySet, KeySetRefusal, TOKEN_LIFE_SECONDS};
use autoclave_base::{Secret, UnixTime, b64};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// The keys. Private halves leave it only as [`Keyring::to_bytes`], for sealed state.
#[derive(Clone)]
pub struct Keyring {
    generation: u32,
    since: UnixTime,
    current: SigningKey,
    next: SigningKey,
    retired: Vec<Retired>,
}

#[derive(Clone)]
struct Retired {
    key: Jwk,
    until: UnixTime,
}

/// The stored form is not a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored signing keys are damaged")]
pub struct KeyringError;

impl Keyring {
    /// The first generation, made at `now`.
    pub fn generate(rng: &mut impl CryptoRng, now: UnixTime) -> Self {
        let (current, next) =
            (SigningKey::generate_from_rng(rng), SigningKey::generate_from_rng(rng));
        Self { generation: 1, since: now, current, next, retired: Vec::new() }
    }

    /// The key that signs.
    pub const fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Counts rotations, from 1.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Since when the current key signs.
    pub const fn since(&self) -> UnixTime {
        self.since
    }

    /// Whether the current key has signed for `life_seconds`.
    pub const fn is_due(&self, life_seconds: u64, now: UnixTime) -> bool {
        now.since(self.since) >= life_seconds
    }

    /// The key that was published as the next one signs from `now` on. The old one's
    /// private half is gone; its public half stays until its tokens have expired.
    #[must_use]
    pub fn rotated(&self, rng: &mut impl CryptoRng, now: UnixTime) -> Self {
        let until = now.plus(TOKEN_LIFE_SECONDS + CLOCK_SKEW_SECONDS);
        let mut retired = self.pruned(now).retired;
        retired.push(Retired { key: Jwk::signing(self.current.verifying_key()), until });
        Self {
            generation: self.generation.saturating_add(1),
            since: now,
            current: self.next.clone(),
            next: SigningKey::generate_from_rng(rng),
            retired,
        }
    }

    /// Whether a retired key has outlived its tokens.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        self.retired.iter().any(|key| key.until <= now)
    }

    /// Without the retired keys whose tokens have all expired.
    #[must_use]
    pub fn pruned(&self, now: UnixTime) -> Self {
        let mut pruned = self.clone();
        pruned.retired.retain(|key| key.until > now);
        pruned
    }

    /// What is published: current, next, and retired keys.
    pub fn published(&self) -> Result<KeySet, KeySetRefusal> {
        let own = [&self.current, &self.next].map(|key| Jwk::signing(key.verifying_key()));
        let retired = self.retired.iter().map(|retired| retired.key.clone());
        KeySet::new(own.into_iter().chain(retired).collect())
    }

    /// For sealed state.
    pub fn to_bytes(&self) -> Result<Secret<Vec<u8>>, KeyringError> {
        let retired = |one: &Retired| StoredRetired { key: one.key.clone(), until: one.until };
        let stored = Stored {
            v: VERSION,
            generation: self.generation,
            since: self.since,
            current: Scalar::of(&self.current),
            next: Scalar::of(&self.next),
            retired: self.retired.iter().map(retired).collect(),
        };
        serde_json::to_vec(&stored).map(Secret::new).map_err(|_| KeyringError)
    }

    /// From sealed state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyringError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| KeyringError)?;
        if stored.v != VERSION {
            return Err(KeyringError);
        }
        let retired = |one: StoredRetired| Retired { key: one.key, until: one.until };
        Ok(Self {
            generation: stored.generation,
            since: stored.since,
            current: stored.current.key()?,
            next: stored.next.key()?,
            retired: stored.retired.into_iter().map(retired).collect(),
        })
    }
}

/// Version of the stored form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    generation: u32,
    since: UnixTime,
    current: Scalar,
    next: Scalar,
    retired: Vec<StoredRetired>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRetired {
    key: Jwk,
    until: UnixTime,
}

/// A private key in base64url, erased on drop.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Scalar(String);

impl Scalar {
    fn of(key: &SigningKey) -> Self {
        let mut bytes = key.to_bytes();
        let text = b64::encode(bytes);
        bytes.zeroize();
        Self(text)
    }

    fn key(&self) -> Result<SigningKey, KeyringError> {
        let mut bytes = b64::decode(&self.0).map_err(|_| KeyringError)?;
        let key = SigningKey::from_slice(&bytes).map_err(|_| KeyringError);
        bytes.zeroize();
        key
    }
}

impl Drop for Scalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
