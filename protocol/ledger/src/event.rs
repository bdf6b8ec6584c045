//! What a ledger line can say. Every field is `LogSafe`: ids, names, digests, codes and
//! pseudonyms. Health data has no field here, and a type that could carry it fails the
//! test beside this file before it compiles.

use std::fmt;

use autoclave_base::ids::{KeyName, ModelName, WorkloadName};
use autoclave_base::{Digest, LogSafe};
use serde::{Deserialize, Serialize};

use crate::label::{Label, Pseudonym};

/// How a question to a policy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A rule permits it and none forbids it.
    Granted,
    /// No rule permits it, or one forbids it.
    Refused,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
        })
    }
}

impl LogSafe for Decision {}

/// Something that happened, and that nobody can make unhappen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The log begins.
    Genesis {
        /// Whose log this is.
        workload: WorkloadName,
    },
    /// An enclave started.
    Boot {
        /// The enclave's role.
        workload: WorkloadName,
        /// The code and configuration that started.
        measurement: Digest,
        /// Its own token, where it has one already.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<Digest>,
    },
    /// The attestor appraised evidence; the line precedes the token.
    Verdict {
        /// The role that the manifest gives this measurement, or `unknown`.
        workload: WorkloadName,
        /// What was measured.
        measurement: Digest,
        /// The TEE kind, as in `software`.
        kind: Label,
        /// `affirming` or `contraindicated`.
        status: Label,
        /// The token that leaves after this line.
        token: Digest,
        /// The appraisal policy.
        policy: Digest,
    },
    /// The broker let a key go; the line precedes the key.
    Release {
        /// Whose key, where the configuration does not declare it.
        #[serde(skip_serializing_if = "Option::is_none")]
        institution: Option<Label>,
        /// Which key.
        key: KeyName,
        /// Which of its versions.
        version: u32,
        /// To whom.
        workload: WorkloadName,
        /// To which code.
        measurement: Digest,
        /// The token that the key is wrapped to.
        token: Digest,
        /// The policy that decided.
        policy: Digest,
        /// The rules that permitted it, at most [`crate::RULES_MAX`].
        rules: Vec<Label>,
    },
    /// The broker let a resource go to a guest of the KBS protocol; the line precedes it.
    ResourceRelease {
        /// Whose resource.
        institution: Label,
        /// Which, as `repository/type/tag`.
        resource: Label,
        /// Which of its versions.
        version: u32,
        /// To whom, by the release manifest; `unknown` where it names no such code.
        workload: WorkloadName,
        /// In which kind of TEE.
        kind: Label,
        /// To which code.
        measurement: Digest,
        /// The guest's token, whose key it is encrypted to.
        token: Digest,
        /// The policy that decided.
        policy: Digest,
        /// The rules that permitted it, at most [`crate::RULES_MAX`].
        rules: Vec<Label>,
    },
    /// A resource was set or deleted.
    ResourceChange {
        /// Whose resource.
        institution: Label,
        /// Which, as `repository/type/tag`.
        resource: Label,
        /// Which of its versions; the latest, where all are deleted.
        version: u32,
        /// `created` or `deleted`.
        action: Label,
        /// Who did it.
        by: Label,
    },
    /// A workload beside the guest door says that something happened to it.
    Workload {
        /// Of what kind, in the workload's words.
        domain: Label,
        /// What.
        operation: Label,
        /// What it says about it, by its digest.
        content: Digest,
    },
    /// Somebody was refused something.
    Refusal {
        /// What was asked for, as in `release`.
        operation: Label,
        /// The stable code of the refusal.
        code: Label,
        /// The rule that was not met.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<Label>,
        /// The claim that the rule looked at.
        #[serde(skip_serializing_if = "Option::is_none")]
        claim: Option<Label>,
        /// What the rule wants.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<Label>,
        /// What the claim said.
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<Label>,
        /// Who asked, where that was verified.
        #[serde(skip_serializing_if = "Option::is_none")]
        workload: Option<WorkloadName>,
        /// The token of who asked, where that was verified.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<Digest>,
    },
    /// Refusals of strangers that have no lines of their own, because there were too many.
    Refusals {
        /// What was asked for.
        operation: Label,
        /// How many since the line of this kind before.
        count: u64,
    },
    /// Somebody reached for a record.
    Access {
        /// A member of staff by id, or a workload.
        actor: Label,
        /// In which role.
        role: Label,
        /// What they wanted to do, as in `read`.
        action: Label,
        /// With what kind of thing, as in `ImagingStudy`; an id only where it tells nothing.
        resource: Label,
        /// Whose record.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<Pseudonym>,
        /// Purpose of use, as in `TREAT`.
        #[serde(skip_serializing_if = "Option::is_none")]
        purpose: Option<Label>,
        /// Whether they may.
        decision: Decision,
        /// The rules that decided, at most [`crate::RULES_MAX`].
        rules: Vec<Label>,
    },
    /// Somebody reached for records of several patients at once, or for their number: a
    /// search, a history, a bundle, an export.
    Records {
        /// A member of staff by id, or an application.
        actor: Label,
        /// In which role.
        role: Label,
        /// What they wanted to do, as in `search`.
        action: Label,
        /// With what kind of thing, as in `Observation`; `Record` where of several kinds.
        resource: Label,
        /// Whose records left or were changed, at most 64 of them.
        subjects: Vec<Pseudonym>,
        /// How many resources left or were changed.
        count: u64,
        /// Purpose of use, as in `TREAT`.
        purpose: Label,
        /// Whether they may.
        decision: Decision,
        /// The rules that decided, at most [`crate::RULES_MAX`].
        rules: Vec<Label>,
    },
    /// A model answered; the line precedes the answer.
    Result {
        /// The model by name.
        model: ModelName,
        /// The model by its bytes.
        model_digest: Digest,
        /// What was asked.
        request: Digest,
        /// What was answered.
        response: Digest,
        /// The answering enclave's token.
        token: Digest,
        /// Who asked.
        caller: WorkloadName,
    },
    /// A policy came into force.
    PolicyChange {
        /// Which policy.
        name: Label,
        /// What was in force before.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Digest>,
        /// What is in force now.
        to: Digest,
    },
    /// A version of a governed policy took a step; the line precedes the step.
    PolicyStep {
        /// Which policy: `release`, `appraise`.
        policy: Label,
        /// The institution that owns it, or `operator`.
        owner: Label,
        /// Which of its versions.
        version: u32,
        /// `drafted`, `proposed`, `approved`, `locked`, `in_force`, `emergency`, `withdrawn`,
        /// `configured` or `restated`.
        step: Label,
        /// The digest of its text and schema.
        digest: Digest,
        /// The digest of the version that it follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        predecessor: Option<Digest>,
        /// Who took the step, where somebody did.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Label>,
        /// The digest of the signed approval.
        #[serde(skip_serializing_if = "Option::is_none")]
        approval: Option<Digest>,
    },
    /// What the enclave keeps on the host's disk has changed: an older copy of it is refused
    /// from now on.
    Kept {
        /// What: `state`, or the role's name for a store of its own, as in `records`.
        store: Label,
        /// The number of the change, counted in what is kept.
        serial: u64,
        /// The file as it is sealed, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
    },
    /// A key was made, imported, rotated or revoked.
    KeyChange {
        /// Whose key, where no configuration declares it.
        #[serde(skip_serializing_if = "Option::is_none")]
        institution: Option<Label>,
        /// Which key.
        key: KeyName,
        /// Which of its versions.
        version: u32,
        /// `created`, `imported`, `rotated`, `revoked`, ….
        action: Label,
        /// Who did it.
        by: Label,
    },
    /// The broker let a key go for a token in the way of Azure Key Vault; the line precedes
    /// the key.
    SecureRelease {
        /// Whose key.
        institution: Label,
        /// Which key.
        key: KeyName,
        /// Which of its versions.
        version: u32,
        /// The token's issuer, as a digest: an address is no code.
        authority: Digest,
        /// The token.
        token: Digest,
        /// The key's release policy.
        policy: Digest,
        /// The public key that the key is wrapped to, as a digest.
        target: Digest,
        /// How it is wrapped.
        wrapping: Label,
        /// Who called.
        by: Label,
    },
    /// Attested code used a key without its leaving the broker; the line precedes the answer.
    KeyUse {
        /// Whose key.
        institution: Label,
        /// Which key.
        key: KeyName,
        /// Which of its versions.
        version: u32,
        /// `wrap`, `unwrap` or `rewrap`.
        action: Label,
        /// Who used it.
        workload: WorkloadName,
        /// The token of who used it.
        token: Digest,
        /// The rules that permitted it, at most [`crate::RULES_MAX`].
        rules: Vec<Label>,
    },
    /// An institution withdrew its trust in something; its keys do not reach it any more.
    Revocation {
        /// Which institution.
        institution: Label,
        /// `workload`, `measurement` or `token`.
        kind: Label,
        /// Which one.
        what: Label,
        /// The revocation's number, from 1.
        serial: u64,
        /// By whom.
        by: Label,
    },
    /// A release outside of the rules: asked for, approved by a second person, used,
    /// reviewed.
    BreakGlass {
        /// Whose key.
        institution: Label,
        /// The case's random name.
        case: Label,
        /// `asked`, `approved`, `used`, `ended` or `reviewed`.
        action: Label,
        /// Which key.
        key: KeyName,
        /// For which code.
        workload: WorkloadName,
        /// As measured.
        measurement: Digest,
        /// Why, as a code; the outcome, where it was reviewed.
        purpose: Label,
        /// The person, or the broker.
        by: Label,
        /// Until when, in seconds since 1970.
        until: u64,
    },
}

impl Event {
    /// The event's name as the line's member `event` gives it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Boot { .. } => "boot",
            Self::Verdict { .. } => "verdict",
            Self::Release { .. } => "release",
            Self::ResourceRelease { .. } => "resource_release",
            Self::ResourceChange { .. } => "resource_change",
            Self::Workload { .. } => "workload",
            Self::Refusal { .. } => "refusal",
            Self::Refusals { .. } => "refusals",
            Self::Access { .. } => "access",
            Self::Records { .. } => "records",
            Self::Result { .. } => "result",
            Self::PolicyChange { .. } => "policy_change",
            Self::PolicyStep { .. } => "policy_step",
            Self::Kept { .. } => "kept",
            Self::KeyChange { .. } => "key_change",
            Self::SecureRelease { .. } => "secure_release",
            Self::KeyUse { .. } => "key_use",
            Self::Revocation { .. } => "revocation",
            Self::BreakGlass { .. } => "break_glass",
        }
    }

    /// The rules that a line names.
    pub(crate) fn rules(&self) -> &[Label] {
        match self {
            Self::Release { rules, .. }
            | Self::ResourceRelease { rules, .. }
            | Self::Access { rules, .. }
            | Self::Records { rules, .. }
            | Self::KeyUse { rules, .. } => rules,
            _ => &[],
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
