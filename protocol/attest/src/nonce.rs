//! Nonces: numbers used once. The book belongs to whoever asks for fresh evidence; it is
//! bounded, and a nonce that was taken, or has waited too long, is never accepted again.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;

use autoclave_base::{UnixTime, b64};
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How long evidence may take (seconds): a quote from slow hardware, and two round trips.
pub const NONCE_LIFE_SECONDS: u64 = 60;

/// Nonces that wait at the same time: a thousand a second over their whole life.
pub const NONCES_MAX: usize = 65_536;

/// 32 random bytes, written in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 32]);

/// The text is not 32 bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a nonce")]
pub struct NonceError;

/// Why a nonce is not issued or not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceRefusal {
    /// Too many nonces wait.
    #[error("too many nonces wait for evidence")]
    Busy,
    /// Never issued here, or used before.
    #[error("the nonce was not issued here or was used before")]
    Unknown,
    /// Issued too long ago.
    #[error("the nonce has expired")]
    Expired,
}

impl NonceRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Busy => "nonce.busy",
            Self::Unknown => "nonce.unknown",
            Self::Expired => "nonce.expired",
        }
    }
}

impl Nonce {
    /// A new nonce.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64::encode(self.0))
    }
}

impl FromStr for Nonce {
    type Err = NonceError;

    fn from_str(text: &str) -> Result<Self, NonceError> {
        b64::decode_array(text).map(Self).map_err(|_| NonceError)
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The nonces that were issued and not used yet.
pub struct NonceBook {
    waiting: HashMap<Nonce, UnixTime>,
    oldest_first: VecDeque<(UnixTime, Nonce)>,
    nonces_max: usize,
}

impl Default for NonceBook {
    fn default() -> Self {
        Self::new(NONCES_MAX)
    }
}

impl NonceBook {
    /// A book for at most `nonces_max` waiting nonces.
    pub fn new(nonces_max: usize) -> Self {
        Self { waiting: HashMap::new(), oldest_first: VecDeque::new(), nonces_max }
    }

    /// Issues a nonce and says until when it is accepted.
    pub fn issue(
        &mut self,
        rng: &mut (impl CryptoRng + ?Sized),
        now: UnixTime,
    ) -> Result<(Nonce, UnixTime), NonceRefusal> {
        self.forget_expired(now);
        if self.oldest_first.len() >= self.nonces_max {
            return Err(NonceRefusal::Busy);
        }
        let (nonce, expires) = (Nonce::random(rng), now.plus(NONCE_LIFE_SECONDS));
        self.waiting.insert(nonce, expires);
        self.oldest_first.push_back((expires, nonce));
        Ok((nonce, expires))
    }

    /// Takes a nonce: the first time only, and only in time.
    pub fn consume(&mut self, nonce: &Nonce, now: UnixTime) -> Result<(), NonceRefusal> {
        let expires = self.waiting.remove(nonce).ok_or(NonceRefusal::Unknown)?;
        if now >= expires {
            return Err(NonceRefusal::Expired);
        }
        Ok(())
    }

    /// Issue times never fall, as clocks are read by one caller; should they, a nonce
    /// waits a little longer in the queue and is still refused by its own expiry.
    fn forget_expired(&mut self, now: UnixTime) {
        while let Some((expires, nonce)) = self.oldest_first.front() {
            if *expires > now && self.waiting.contains_key(nonce) {
                break;
            }
            self.waiting.remove(nonce);
            self.oldest_first.pop_front();
        }
    }
}
