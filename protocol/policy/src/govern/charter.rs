//! Who may approve, and how long what they approved waits: what the measured configuration
//! says of it. It is the owners'. Nobody approves who is not named in it.

use std::collections::BTreeSet;

use autoclave_attest::jwk::{Jwk, Thumbprint};
use autoclave_ledger::Label;
use p256::ecdsa::VerifyingKey;

/// How many have to approve.
pub const APPROVERS_MIN: usize = 2;

/// Shortest lock (seconds) that a configuration can name: somebody can still say no.
pub const LOCK_SECONDS_MIN: u64 = 10;

/// Longest lock (seconds): 90 days.
const LOCK_SECONDS_MAX: u64 = 90 * 86_400;

/// Somebody whose key was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What the ledger calls them.
    pub name: Label,
    /// For which institution they act.
    pub institution: Label,
    /// The key that they proved.
    pub jkt: Thumbprint,
}

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// What the ledger calls them.
    pub name: Label,
    /// Whose policies they approve.
    pub institution: Label,
    pub(super) key: VerifyingKey,
    pub(super) jkt: Thumbprint,
}

impl Approver {
    /// An approver by their ES256 key.
    pub fn new(name: Label, institution: Label, jwk: &Jwk) -> Result<Self, CharterRefusal> {
        let key = *jwk.verifying_key().ok_or(CharterRefusal::Key)?;
        Ok(Self { name, institution, key, jkt: jwk.thumbprint() })
    }

    /// The thumbprint of their key.
    pub const fn jkt(&self) -> Thumbprint {
        self.jkt
    }
}

/// Why a configuration names no approvers that can be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CharterRefusal {
    /// A key that cannot sign approvals.
    #[error("an approver's key is not one for ES256")]
    Key,
    /// Two approvers with one key or one name would be one person.
    #[error("two approvers share a key or a name")]
    Repeated,
    /// Outside of [`LOCK_SECONDS_MIN`] and 90 days.
    #[error("the lock is shorter than {LOCK_SECONDS_MIN} s or longer than 90 days")]
    Lock,
}

impl CharterRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Key => "governance.approver_key",
            Self::Repeated => "governance.approver_repeated",
            Self::Lock => "governance.lock",
        }
    }
}

/// The approvers and the lock.
#[derive(Clone, Debug)]
pub struct Charter {
    approvers: Vec<Approver>,
    lock_seconds: u64,
    audience: String,
}

impl Charter {
    /// Of `approvers`, with a lock, for approvals that name `audience`: this deployment's
    /// enclave and no other.
    pub fn new(
        approvers: Vec<Approver>,
        lock_seconds: u64,
        audience: String,
    ) -> Result<Self, CharterRefusal> {
        if !(LOCK_SECONDS_MIN..=LOCK_SECONDS_MAX).contains(&lock_seconds) {
            return Err(CharterRefusal::Lock);
        }
        let keys: BTreeSet<_> = approvers.iter().map(|approver| approver.jkt).collect();
        let names: BTreeSet<_> = approvers.iter().map(|approver| &approver.name).collect();
        if keys.len() != approvers.len() || names.len() != approvers.len() {
            return Err(CharterRefusal::Repeated);
        }
        Ok(Self { approvers, lock_seconds, audience })
    }

    /// How long an approved version waits (seconds).
    pub const fn lock_seconds(&self) -> u64 {
        self.lock_seconds
    }

    /// What approvals have to name.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Those who may approve for `institution`.
    pub fn approvers_of(&self, institution: &Label) -> impl Iterator<Item = &Approver> {
        self.approvers.iter().filter(move |approver| approver.institution == *institution)
    }

    /// The approver of that name.
    pub(super) fn approver(&self, name: &Label) -> Option<&Approver> {
        self.approvers.iter().find(|approver| approver.name == *name)
    }
}
