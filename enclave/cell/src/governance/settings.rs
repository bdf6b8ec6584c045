//! What a measured configuration says of governance: `[governance]`. Without the table
//! nobody can change the configuration's rules but by another configuration.

use autoclave_attest::jwk::Jwk;
use autoclave_ledger::Label;
use autoclave_policy::govern::{Approver, Charter, CharterRefusal};
use serde::Deserialize;

/// A lock of one day, unless configured otherwise: every shift has seen it by then.
const LOCK_SECONDS: u64 = 86_400;

/// `[governance]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GovernanceSettings {
    /// How long an approved version waits before it is in force.
    #[serde(default = "lock_seconds")]
    pub lock_seconds: u64,
    /// `[[governance.approvers]]`
    #[serde(default)]
    pub approvers: Vec<ApproverSettings>,
}

/// One of `[[governance.approvers]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverSettings {
    /// What the ledger calls them: an office, not a person.
    pub name: Label,
    /// Whose policies they approve.
    pub institution: Label,
    /// The key that they sign approvals with (ES256).
    pub jwk: Jwk,
}

const fn lock_seconds() -> u64 {
    LOCK_SECONDS
}

impl Default for GovernanceSettings {
    fn default() -> Self {
        Self { lock_seconds: LOCK_SECONDS, approvers: Vec::new() }
    }
}

impl GovernanceSettings {
    /// The charter, for approvals that name `audience`.
    pub(super) fn charter(&self, audience: String) -> Result<Charter, CharterRefusal> {
        let named =
            |it: &ApproverSettings| Approver::new(it.name.clone(), it.institution.clone(), &it.jwk);
        let approvers = self.approvers.iter().map(named).collect::<Result<_, _>>()?;
        Charter::new(approvers, self.lock_seconds, audience)
    }
}
