//! Time as rules see it: a number that somebody hands in.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// `seconds` later; stays at the last representable second.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// `seconds` earlier; stays at the epoch.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to `self`, 0 if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As RFC 3339 in UTC, for people and FHIR instants.
    pub fn rfc3339(self) -> String {
        i64::try_from(self.0)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_else(|| self.0.to_string())
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let time = UnixTime::from_seconds(5);
        assert_eq!(time.minus(9), UnixTime::from_seconds(0));
        assert_eq!(time.plus(u64::MAX).seconds(), u64::MAX);
        assert_eq!(time.since(UnixTime::from_seconds(9)), 0);
    }

    #[test]
    fn rfc3339_is_utc() {
        assert_eq!(UnixTime::from_seconds(1_795_000_000).rfc3339(), "2026-11-18T11:06:40Z");
        assert_eq!(UnixTime::from_seconds(u64::MAX).rfc3339(), u64::MAX.to_string());
    }
}
