//! A subscription as it is remembered: whose it is, up to which place it has told, and how its
//! deliveries fare. Pure but for the vault. No record is part of it.

use serde::{Deserialize, Serialize};

use super::super::identity::Identity;
use super::super::vault::{Vault, VaultError};
use crate::server::Caller;
use crate::store::{Cursor, Stored};

/// Attempts at one notification before its subscription is in error.
pub(super) const ATTEMPTS_MAX: u32 = 12;
/// The wait after the first failure; it doubles with each.
const WAIT_MS: i64 = 1_000;
/// The longest wait.
const WAIT_MS_MAX: i64 = 3_600_000;

/// A subscription.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Subscribed {
    pub(super) id: String,
    pub(super) owner: Identity,
    /// The place up to which everything has been told, or was found not to be meant.
    pub(super) place: Option<Place>,
    /// How many events were told.
    pub(super) events: u64,
    pub(super) status: Status,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Not to be tried before, in milliseconds since 1970.
    pub(super) not_before: i64,
    /// When it was last told anything.
    pub(super) told: i64,
}

/// Where a subscription stands, as in `Subscription.status`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) enum Status {
    Requested,
    Active,
    Error,
    Off,
}

impl Status {
    /// FHIR's code.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }
}

/// A place in the history.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) updated: i64,
    pub(super) row: i64,
    pub(super) version: u32,
}

impl Place {
    pub(super) const fn of(stored: &Stored) -> Self {
        let Cursor { updated, row, version } = Cursor::of(stored);
        Self { updated, row, version }
    }
}

impl Subscribed {
    /// What an attempt came to.
    pub(super) fn attempted(&mut self, has_arrived: bool, now: i64) {
        if has_arrived {
            (self.failures, self.not_before, self.told) = (0, 0, now);
            return;
        }
        self.failures += 1;
        if self.failures >= ATTEMPTS_MAX {
            self.status = Status::Error;
        }
        let wait = WAIT_MS.saturating_mul(1 << self.failures.min(30).saturating_sub(1));
        self.not_before = now + wait.min(WAIT_MS_MAX);
    }

    /// Whether it is to be told now, if there is anything.
    pub(super) fn is_due(&self, now: i64) -> bool {
        matches!(self.status, Status::Requested | Status::Active) && now >= self.not_before
    }
}

/// The name of a subscription's file in the vault.
pub(super) fn name(tenant: u16, id: &str) -> String {
    format!("subscription-{tenant}-{id}")
}

/// Remembers that somebody stored a subscription: it begins anew.
pub(super) fn stored(vault: &Vault, caller: &Caller, id: &str) -> Result<(), VaultError> {
    let subscribed = Subscribed {
        id: id.to_owned(),
        owner: Identity::of(caller),
        place: None,
        events: 0,
        status: Status::Requested,
        failures: 0,
        not_before: 0,
        told: 0,
    };
    vault.put_json(&name(caller.tenant.0, id), &subscribed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fixtures::caller;

    #[test]
    fn failures_wait_longer_each_time_and_end_in_error() {
        let mut one = Subscribed {
            id: "1".into(),
            owner: Identity::of(&caller()),
            place: None,
            events: 0,
            status: Status::Active,
            failures: 0,
            not_before: 0,
            told: 0,
        };
        let mut waits = Vec::new();
        while one.status == Status::Active {
            one.attempted(false, 0);
            waits.push(one.not_before);
            assert!(!one.is_due(one.not_before - 1));
        }
        assert_eq!(waits.len(), ATTEMPTS_MAX as usize);
        assert_eq!(waits[..4], [1_000, 2_000, 4_000, 8_000]);
        assert!(waits.is_sorted() && waits.iter().all(|wait| *wait <= WAIT_MS_MAX));
        assert!(!one.is_due(i64::MAX));
        let mut other = Subscribed { status: Status::Active, failures: 3, ..one };
        other.attempted(true, 7);
        assert!(other.is_due(7) && other.failures == 0);
    }
}
