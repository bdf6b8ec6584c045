//! An approval: a JWS by an approver's key over exactly one version, what it follows, how
//! and when at the earliest it comes into force. The approver's. A signature over one
//! version says nothing about another one, another deployment or another day.

use autoclave_attest::jws::{self, JwsRefusal, Unverified};
use autoclave_base::{Digest, UnixTime};
use autoclave_ledger::Label;
use p256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

use super::charter::{Approver, Charter};
use super::refusal::GovernRefusal;
use super::version::{Mode, Predecessor};

/// `typ` of an approval.
pub const TYP: &str = "autoclave-policy-approval+jwt";

/// Longest life of an approval (seconds): a week, in which the second person answers.
pub const APPROVAL_LIFE_SECONDS_MAX: u64 = 7 * 86_400;

/// What an approver signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The deployment's enclave.
    pub aud: String,
    /// The policy's name.
    pub policy: Label,
    /// Whose policy.
    pub owner: Label,
    /// Which version.
    pub version: u32,
    /// What it says.
    pub digest: Digest,
    /// What it follows.
    pub predecessor: Predecessor,
    /// How it is to come into force.
    pub mode: Mode,
    /// When at the earliest.
    pub not_before: UnixTime,
    /// The approver, as the configuration names them.
    pub approver: Label,
    /// When it was signed.
    pub iat: UnixTime,
    /// From when it does not count any more.
    pub exp: UnixTime,
}

impl Approval {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> String {
        jws::sign(TYP, self.approver.as_str(), self, key)
    }
}

/// An approval whose signature is that of a named approver. Only [`VerifiedApproval::verify`]
/// makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedApproval {
    pub(super) approval: Approval,
    pub(super) approver: Approver,
    pub(super) digest: Digest,
}

impl VerifiedApproval {
    /// Checks who signed. What they signed is for the rules to compare.
    pub fn verify(jws: &str, charter: &Charter) -> Result<Self, GovernRefusal> {
        let parsed = Unverified::parse(jws, TYP)?;
        let name = parsed.kid().and_then(|kid| Label::parse(kid).ok());
        let approver = name.and_then(|name| charter.approver(&name));
        let approver = approver.ok_or(GovernRefusal::ApproverUnknown)?.clone();
        let payload = parsed.verify(&approver.key)?;
        let approval: Approval =
            serde_json::from_slice(&payload).map_err(|_| GovernRefusal::ApprovalMalformed)?;
        if approval.approver != approver.name {
            return Err(GovernRefusal::ApproverUnknown);
        }
        Ok(Self { approval, approver, digest: Digest::of(jws) })
    }

    /// Which version it is about, as it says.
    pub const fn version(&self) -> u32 {
        self.approval.version
    }
}

impl From<JwsRefusal> for GovernRefusal {
    fn from(refusal: JwsRefusal) -> Self {
        match refusal {
            JwsRefusal::Signature => Self::ApprovalSignature,
            _ => Self::ApprovalMalformed,
        }
    }
}
