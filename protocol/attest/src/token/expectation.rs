//! What a relying party asks of a token.

use std::collections::BTreeSet;

use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;

use crate::jwk::Thumbprint;
use crate::nonce::Nonce;

/// What a token must say. Issuer and audience are always checked, as are signature,
/// times, debug and status; hardware is required unless waived by name.
#[derive(Clone, Debug)]
pub struct Expectation {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) workload: Option<WorkloadName>,
    pub(super) nonce: Option<Nonce>,
    pub(super) measurements: Option<BTreeSet<Digest>>,
    pub(super) policies: Option<BTreeSet<Digest>>,
    pub(super) hardware_required: bool,
    pub(super) signing_key: Option<Thumbprint>,
    pub(super) age_max_seconds: Option<u64>,
}

impl Expectation {
    /// A token by `issuer` for `audience`, backed by hardware.
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            workload: None,
            nonce: None,
            measurements: None,
            policies: None,
            hardware_required: true,
            signing_key: None,
            age_max_seconds: None,
        }
    }

    /// For this audience instead.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Of this workload.
    #[must_use]
    pub fn workload(mut self, workload: WorkloadName) -> Self {
        self.workload = Some(workload);
        self
    }

    /// Over this nonce.
    #[must_use]
    pub const fn nonce(mut self, nonce: Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Of one of these measurements.
    #[must_use]
    pub fn measurements(mut self, measurements: BTreeSet<Digest>) -> Self {
        self.measurements = Some(measurements);
        self
    }

    /// Appraised by one of these policies ([`crate::appraise::policy_digest`]), alone or with
    /// governed rules on top that the token names: they can only refuse more.
    #[must_use]
    pub fn policies(mut self, policies: BTreeSet<Digest>) -> Self {
        self.policies = Some(policies);
        self
    }

    /// Whether hardware must vouch for it. True unless said otherwise; false belongs to
    /// development, where a root of software is trusted by name.
    #[must_use]
    pub const fn hardware_required(mut self, required: bool) -> Self {
        self.hardware_required = required;
        self
    }

    /// Bound to this key: the one that the channel or signature at hand uses.
    #[must_use]
    pub const fn signing_key(mut self, key: Thumbprint) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Signed at most so many seconds ago.
    #[must_use]
    pub const fn age_max_seconds(mut self, seconds: u64) -> Self {
        self.age_max_seconds = Some(seconds);
        self
    }
}
