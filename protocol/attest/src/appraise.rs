//! Appraisal: verified evidence against the release manifest. The attestor does it for
//! all others; the rules are here so that anybody can repeat them. Doubt is never
//! affirmed: what the manifest does not name is contraindicated.

#[cfg(test)]
mod tests;

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, LogSafe};
use serde::{Deserialize, Serialize};

use crate::evidence::{Claims, Verified};
use crate::release::VerifiedManifest;

/// The rules in words. Their digest, with the manifest's, is the policy hash in tokens:
/// a change of either is a change of policy.
pub const POLICY_TEXT: &str = "autoclave appraisal policy 1: affirming if and only if the \
measurement is on the release manifest for this kind of TEE, the security version is at least \
the manifest's, and debug is off; everything else is contraindicated.";

/// The policy's name in tokens.
pub const POLICY_ID: &str = "autoclave-1";

/// What governed rules add to the policy, in words.
const GOVERNED_TEXT: &str = "autoclave governed appraisal: affirming only if the policy below \
affirms and the governed rules permit.";

/// The policy hash of governed rules on top of a policy ([`policy_digest`]). They can only
/// refuse more, so that whoever believes the policy need not know the rules.
pub fn governed_digest(policy: Digest, rules: Digest) -> Digest {
    Digest::of_parts(&[GOVERNED_TEXT.as_bytes(), policy.bytes(), rules.bytes()])
}

/// The policy's name in tokens: [`POLICY_ID`], and the digest of governed rules, if any.
pub fn policy_id(rules: Option<Digest>) -> String {
    rules.map_or_else(|| POLICY_ID.to_owned(), |rules| format!("{POLICY_ID}+{rules}"))
}

/// What the policy hash of a token with this policy name is, under a policy.
pub(crate) fn digest_under(policy: Digest, policy_id: &str) -> Option<Digest> {
    let rules = policy_id.strip_prefix(POLICY_ID)?;
    if rules.is_empty() {
        return Some(policy);
    }
    let rules = rules.strip_prefix('+')?.parse().ok()?;
    Some(governed_digest(policy, rules))
}

/// The verdict as an EAR says it. There is no middle: we accept, or we do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Known code, closed to its host.
    Affirming,
    /// Anything else.
    Contraindicated,
}

impl Status {
    /// The status as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affirming => "affirming",
            Self::Contraindicated => "contraindicated",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LogSafe for Status {}

/// Why a verdict is contraindicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The manifest does not name the measurement for this kind of TEE.
    UnknownMeasurement,
    /// The host can look inside.
    Debug,
    /// Somebody may move it to another machine, and so see inside: as good as debug, and so
    /// meant by the policy's word.
    Migratable,
    /// The security version is below the manifest's.
    SecurityVersion,
    /// The governed rules do not permit it.
    Rules,
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownMeasurement => "appraisal.unknown_measurement",
            Self::Debug => "appraisal.debug",
            Self::Migratable => "appraisal.migratable",
            Self::SecurityVersion => "appraisal.security_version",
            Self::Rules => "appraisal.rules",
        }
    }
}

/// AR4SI trust claims (draft-ietf-rats-ar4si): 2 affirms, 0 says nothing, 32 and above
/// warn, 96 and above contraindicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrustVector {
    /// Whether the instance is known.
    pub instance_identity: i8,
    /// Whether the configuration is approved.
    pub configuration: i8,
    /// Whether the executable is approved.
    pub executables: i8,
    /// What is known of its files.
    pub file_system: i8,
    /// Whether the hardware is genuine.
    pub hardware: i8,
    /// Whether memory is closed to the host.
    pub runtime_opaque: i8,
    /// Whether storage is closed to the host.
    pub storage_opaque: i8,
    /// What is known of data from outside.
    pub sourced_data: i8,
}

const APPROVED: i8 = 2;
const UNRECOGNIZED: i8 = 33;
const UNSAFE: i8 = 32;
const VISIBLE: i8 = 96;
const NO_CLAIM: i8 = 0;

/// A verdict on evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appraisal {
    /// The workload, when the manifest names the measurement.
    pub workload: Option<WorkloadName>,
    /// The verdict.
    pub status: Status,
    /// Why it is not affirming.
    pub reasons: Vec<Reason>,
    /// The verdict's parts.
    pub vector: TrustVector,
    /// The policy that it was made by.
    pub policy: Digest,
    /// The governed rules on top of it, if any.
    pub rules: Option<Digest>,
}

impl Appraisal {
    /// The same under governed rules, which permit it or not. Nothing that the verdict
    /// refused is affirmed by them.
    #[must_use]
    pub fn under(mut self, rules: Digest, permitted: bool) -> Self {
        self.policy = governed_digest(self.policy, rules);
        self.rules = Some(rules);
        if !permitted {
            self.status = Status::Contraindicated;
            self.reasons.push(Reason::Rules);
        }
        self
    }
}

/// The digest of the appraisal policy under `manifest`: SHA-256 over the length-prefixed
/// [`POLICY_TEXT`] and digest of the manifest's payload.
pub fn policy_digest(manifest: &VerifiedManifest) -> Digest {
    Digest::of_parts(&[POLICY_TEXT.as_bytes(), manifest.digest().bytes()])
}

/// Judges verified evidence by the manifest.
pub fn appraise(verified: &Verified, manifest: &VerifiedManifest) -> Appraisal {
    let claims = verified.claims();
    let release = manifest.find(&claims.measurement, claims.kind);
    let mut reasons = Vec::new();
    match release {
        None => reasons.push(Reason::UnknownMeasurement),
        Some(release) if claims.svn < release.svn => reasons.push(Reason::SecurityVersion),
        Some(_) => {}
    }
    if claims.debug {
        reasons.push(Reason::Debug);
    }
    if claims.migratable {
        reasons.push(Reason::Migratable);
    }
    let status = if reasons.is_empty() { Status::Affirming } else { Status::Contraindicated };
    Appraisal {
        workload: release.map(|release| release.name.clone()),
        status,
        vector: vector(claims, &reasons),
        reasons,
        policy: policy_digest(manifest),
        rules: None,
    }
}

/// Software evidence claims nothing about hardware, rather than warn. Memory is closed to
/// the host where the kind closes it: measured boot alone only says what was booted.
fn vector(claims: &Claims, reasons: &[Reason]) -> TrustVector {
    let known = !reasons.contains(&Reason::UnknownMeasurement);
    let recent = !reasons.contains(&Reason::SecurityVersion);
    let hardware = if claims.hw_backed { APPROVED } else { NO_CLAIM };
    TrustVector {
        executables: match (known, recent) {
            (true, true) => APPROVED,
            (true, false) => UNSAFE,
            (false, _) => UNRECOGNIZED,
        },
        configuration: if known { APPROVED } else { UNSAFE },
        hardware,
        runtime_opaque: opaque(claims),
        ..TrustVector::default()
    }
}

const fn opaque(claims: &Claims) -> i8 {
    if claims.debug || claims.migratable {
        VISIBLE
    } else if claims.hw_backed && claims.kind.closes_memory() {
        APPROVED
    } else {
        NO_CLAIM
    }
}
