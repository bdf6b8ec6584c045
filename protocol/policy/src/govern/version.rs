//! A policy with its versions. The state of the rules, and all that is kept of it. No
//! number is given twice, and nothing here changes by itself.

use std::fmt;

use autoclave_attest::jwk::Thumbprint;
use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::Label;
use serde::{Deserialize, Serialize};

/// Versions that wait at once: what people can keep apart.
pub const PENDING_MAX: usize = 8;

/// Versions that are over and still kept with their text; the ledger knows all of them.
pub const HISTORY_MAX: usize = 24;

/// Which policy: what it is for, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyId {
    /// What it decides: `release`, `appraise`.
    pub name: Label,
    /// The institution that owns it, or `operator`.
    pub owner: Label,
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.owner)
    }
}

/// How a version is to come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// After its lock.
    Ordinary,
    /// At once: it only forbids what the version before did not.
    Emergency,
}

/// The version that another one is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its number.
    pub version: u32,
    /// What it says.
    pub digest: Digest,
}

/// Who wrote something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// What the ledger calls them.
    pub by: Label,
    /// Their key; absent where the configuration itself is the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Thumbprint>,
    /// When.
    pub at: UnixTime,
}

/// What approvers are asked to approve, beside the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Who proposed it.
    pub author: Author,
    /// What it follows.
    pub predecessor: Predecessor,
    /// It does not come into force earlier.
    pub not_before: UnixTime,
}

/// An approval that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Whose.
    pub by: Label,
    /// By which key.
    pub jkt: Thumbprint,
    /// When it was received.
    pub at: UnixTime,
    /// Until when it counts, if the second is not there by then.
    pub expires: UnixTime,
    /// The digest of the signed text.
    pub approval: Digest,
}

/// How far a version is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// It parses, fits its schema, and nobody proposed it yet.
    Checked,
    /// It waits for approvals.
    Proposed {
        /// To what.
        proposal: Proposal,
        /// Those that are there.
        approvals: Vec<Approved>,
    },
    /// It is approved and waits for its time.
    Locked {
        /// To what.
        proposal: Proposal,
        /// By whom.
        approvals: Vec<Approved>,
        /// When the second approval came.
        since: UnixTime,
        /// How long the enclave ran since, by all its clocks.
        served_seconds: u64,
    },
    /// It decides.
    InForce {
        /// Since when.
        since: UnixTime,
        /// By whom; empty where it is the configuration's.
        approvals: Vec<Approved>,
    },
    /// It decided.
    Superseded {
        /// Since when.
        since: UnixTime,
        /// Until when.
        until: UnixTime,
        /// By whom.
        approvals: Vec<Approved>,
    },
    /// It never decided, and never will.
    Withdrawn {
        /// Since when.
        at: UnixTime,
    },
}

impl Stage {
    /// The stage in one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Proposed { .. } => "proposed",
            Self::Locked { .. } => "locked",
            Self::InForce { .. } => "in_force",
            Self::Superseded { .. } => "superseded",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// Whether it may still come into force.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Checked | Self::Proposed { .. } | Self::Locked { .. })
    }

    /// Those who approved it, as far as they are.
    pub fn approvals(&self) -> &[Approved] {
        match self {
            Self::Proposed { approvals, .. }
            | Self::Locked { approvals, .. }
            | Self::InForce { approvals, .. }
            | Self::Superseded { approvals, .. } => approvals,
            Self::Checked | Self::Withdrawn { .. } => &[],
        }
    }
}

/// One version. Its number is its name for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// The digest of its text and schema.
    pub digest: Digest,
    /// How it is to come into force.
    pub mode: Mode,
    /// The rules.
    pub text: String,
    /// Who drafted it.
    pub author: Author,
    /// An emergency's text is that of this version, with more forbidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Predecessor>,
    /// How far it is.
    pub stage: Stage,
}

impl Version {
    /// What a later version names as the one that it follows.
    pub const fn as_predecessor(&self) -> Predecessor {
        Predecessor { version: self.number, digest: self.digest }
    }

    /// Whether it is of the measured configuration, and nobody's draft.
    pub const fn is_configured(&self) -> bool {
        self.author.jkt.is_none()
    }
}

/// One policy with its versions, oldest first. Exactly one is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governed {
    pub(super) id: PolicyId,
    pub(super) next: u32,
    pub(super) versions: Vec<Version>,
}

impl Governed {
    /// Which policy.
    pub const fn id(&self) -> &PolicyId {
        &self.id
    }

    /// All versions that are kept, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The version that decides. Absent in a state that was not made by these rules.
    pub fn in_force(&self) -> Option<&Version> {
        self.versions.iter().find(|version| matches!(version.stage, Stage::InForce { .. }))
    }

    /// Whether something waits for its time.
    pub fn is_waiting(&self) -> bool {
        self.versions.iter().any(|version| matches!(version.stage, Stage::Locked { .. }))
    }

    pub(super) fn version_mut(&mut self, number: u32) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.number == number)
    }

    /// Forgets the oldest of those that are over.
    pub(super) fn prune(&mut self) {
        let over = |version: &Version| {
            !version.stage.is_pending() && !matches!(version.stage, Stage::InForce { .. })
        };
        while self.versions.iter().filter(|version| over(version)).count() > HISTORY_MAX {
            let Some(oldest) = self.versions.iter().position(over) else { return };
            self.versions.remove(oldest);
        }
    }
}
