//! The edge's configuration: one TOML file that names the parties and the limits.
//! It belongs to whoever hosts the system.
//! It never names a key or a secret, and an unknown field is refused.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::uri::{Authority, Uri};
use serde::{Deserialize, Deserializer};

use crate::page::PageConfig;

/// A party's name is part of a public path; longer names serve nobody.
const PARTY_NAME_BYTES_MAX: usize = 32;

/// Requests one address may make per second, on average: far above what one ward makes.
const REQUESTS_PER_SECOND: u32 = 50;
/// Requests one address may make at once after a pause: a verification and a work list.
const BURST_REQUESTS: u32 = 200;
/// Open connections over all addresses; each holds two small buffers.
const CONNECTIONS_MAX: usize = 1024;
/// Open connections of one address (IPv6: one /64): a ward behind one router, and too few to
/// keep others out.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Longest silence within a request's head or body, or of a reader who stopped reading.
const STALL_MS: u64 = 20_000;
/// Longest wait for a party's answer to begin; inference on a large volume takes a while.
const ANSWER_MS: u64 = 300_000;
/// Longest drain after the signal to stop.
const DRAIN_MS: u64 = 10_000;

/// What the edge needs to run; made by [`Config::parse`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the edge listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Party name to upstream.
    pub parties: BTreeMap<PartyName, Upstream>,
    /// What the page needs of its host.
    #[serde(default)]
    pub page: PageConfig,
    /// Limits; each has a default.
    #[serde(default)]
    pub limits: Limits,
}

/// Bounds on what outsiders may ask of the edge.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Average requests per second of one address (IPv6: one /64).
    pub requests_per_second: u32,
    /// Requests that one address may make at once.
    pub burst_requests: u32,
    /// Open connections in total.
    pub connections_max: usize,
    /// Open connections of one address (IPv6: one /64).
    pub connections_per_address_max: usize,
    /// Longest silence in a request or of a reader, in milliseconds.
    pub stall_ms: u64,
    /// Longest wait for a party's answer, in milliseconds.
    pub answer_ms: u64,
    /// Longest drain, in milliseconds.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: REQUESTS_PER_SECOND,
            burst_requests: BURST_REQUESTS,
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            stall_ms: STALL_MS,
            answer_ms: ANSWER_MS,
            drain_ms: DRAIN_MS,
        }
    }
}

impl Limits {
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_millis(self.stall_ms)
    }

    pub(crate) fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown field or a value of the wrong shape.
    #[error("the edge's configuration was refused: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A limit of zero would refuse everybody.
    #[error("the limit {0} must not be zero")]
    ZeroLimit(&'static str),
    /// An edge without parties relays nothing.
    #[error("no parties are named")]
    NoParties,
}

impl ConfigError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "config.malformed",
            Self::ZeroLimit(_) => "config.zero_limit",
            Self::NoParties => "config.no_parties",
        }
    }
}

impl Config {
    /// Parses a configuration; the only way from a file to a `Config`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        if config.parties.is_empty() {
            return Err(ConfigError::NoParties);
        }
        config.limits.nonzero()?;
        Ok(config)
    }
}

impl Limits {
    fn nonzero(&self) -> Result<(), ConfigError> {
        let all = [
            ("requests_per_second", u64::from(self.requests_per_second)),
            ("burst_requests", u64::from(self.burst_requests)),
            ("connections_max", self.connections_max as u64),
            ("connections_per_address_max", self.connections_per_address_max as u64),
            ("stall_ms", self.stall_ms),
            ("answer_ms", self.answer_ms),
        ];
        match all.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(ConfigError::ZeroLimit(name)),
            None => Ok(()),
        }
    }
}

/// A party's public name: lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartyName(String);

impl PartyName {
    /// Parses a name; `None` if it has another character than `a-z`, `0-9`, `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= PARTY_NAME_BYTES_MAX;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (fits && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for PartyName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PartyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a party name is [a-z0-9-]{1,32}"))
    }
}

/// Where a party's plain door is: `http://host:port`, without path or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream(Authority);

impl Upstream {
    /// Host and port.
    pub fn authority(&self) -> &Authority {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let parts = uri.into_parts();
        let plain = parts.scheme.as_ref().is_some_and(|scheme| scheme.as_str() == "http");
        let bare = parts.path_and_query.as_ref().is_none_or(|path| path.as_str() == "/");
        let authority = parts.authority.filter(|it| !it.as_str().contains('@'))?;
        (plain && bare).then_some(Self(authority))
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an upstream is http://host:port"))
    }
}

#[cfg(test)]
mod tests;
