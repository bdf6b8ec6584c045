//! What the ledger is told of a step, before it is taken. No text of a policy stands there.

use autoclave_base::Digest;
use autoclave_ledger::{Event, Label};

use super::version::{Mode, PolicyId, Version};

/// Which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A text was checked and kept.
    Drafted,
    /// It was proposed.
    Proposed,
    /// An approver signed it.
    Approved,
    /// The second approval is there: its lock begins.
    Locked,
    /// It is in force.
    InForce,
    /// It is in force without a lock.
    Emergency,
    /// The configuration's rules are in force.
    Configured,
    /// The same text under another schema, of a newer program.
    Restated,
    /// It will never be in force.
    Withdrawn,
}

impl StepKind {
    /// The step as the ledger has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Locked => "locked",
            Self::InForce => "in_force",
            Self::Emergency => "emergency",
            Self::Configured => "configured",
            Self::Restated => "restated",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether another policy decides from here on.
    pub const fn changes_what_decides(self) -> bool {
        matches!(self, Self::InForce | Self::Emergency | Self::Configured | Self::Restated)
    }
}

/// One step of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub kind: StepKind,
    /// The version's number.
    pub version: u32,
    /// What it says.
    pub digest: Digest,
    /// What was or is to be in force before.
    pub predecessor: Option<Digest>,
    /// Who took it, where somebody did.
    pub by: Option<Label>,
    /// The digest of the signed approval.
    pub approval: Option<Digest>,
}

impl Step {
    pub(super) fn of(kind: StepKind, version: &Version) -> Self {
        let (number, digest) = (version.number, version.digest);
        Self { kind, version: number, digest, predecessor: None, by: None, approval: None }
    }

    pub(super) fn by(mut self, by: &Label) -> Self {
        self.by = Some(by.clone());
        self
    }

    pub(super) const fn after(mut self, predecessor: Option<Digest>) -> Self {
        self.predecessor = predecessor;
        self
    }

    /// The kind with which a version of `mode` comes into force.
    pub(super) const fn into_force(mode: Mode) -> StepKind {
        match mode {
            Mode::Ordinary => StepKind::InForce,
            Mode::Emergency => StepKind::Emergency,
        }
    }

    /// The ledger's line.
    pub fn event(&self, id: &PolicyId) -> Event {
        Event::PolicyStep {
            policy: id.name.clone(),
            owner: id.owner.clone(),
            version: self.version,
            step: Label::code(self.kind.as_str()),
            digest: self.digest,
            predecessor: self.predecessor,
            by: self.by.clone(),
            approval: self.approval,
        }
    }
}
