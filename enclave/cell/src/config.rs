//! The configuration of an enclave: one measured TOML file. The operator's. No secret
//! stands in it, no field is unknown, and a production profile cannot name a development
//! root.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use autoclave_attest::evidence::{Root, TpmRoot};
use autoclave_attest::jwk::Jwk;
use autoclave_base::ids::WorkloadName;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::limits::CONFIG_BYTES_MAX;

/// Names of the tables that belong to the cell; all others are the role's.
const OURS: [&str; 4] = ["profile", "cell", "trust", "development"];

/// The one workload that has nobody to ask for a token: it is the one that is asked.
pub const ATTESTOR: &str = "attestor";

/// What a deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Real data: evidence must come from hardware.
    #[default]
    Production,
    /// Development and demonstrations: a software root may be named.
    Development,
}

/// The part of the file that all roles share.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// `production` unless the file says otherwise.
    #[serde(default)]
    pub profile: Profile,
    /// `[cell]`
    pub cell: CellConfig,
    /// `[trust]`
    pub trust: TrustConfig,
    /// `[development]`: refused in production.
    pub development: Option<DevelopmentConfig>,
}

/// `[cell]`: where the enclave listens, keeps its state, and whom it asks for its token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellConfig {
    /// The role that this file is for; must be the binary's.
    pub workload: WorkloadName,
    /// The sealed door and the plain routes (HTTP).
    pub listen_sealed: SocketAddr,
    /// The direct door (TLS 1.3), if there is one.
    pub listen_direct: Option<SocketAddr>,
    /// An existing folder of this enclave alone.
    pub data_dir: PathBuf,
    /// Where to ask for tokens, `http://host:port`; every role but the attestor has it.
    pub attestor: Option<String>,
    /// Others who watch that the ledger only grows. With some, the enclave does not start on
    /// an older ledger than they have seen.
    #[serde(default)]
    pub witnesses: Vec<WitnessConfig>,
    /// How many of them must confirm; more than half where nothing is said.
    pub witnesses_required: Option<usize>,
    /// Libraries that the role loads: their hashes are part of the measurement.
    #[serde(default)]
    pub libraries: BTreeMap<String, PathBuf>,
}

/// `[[cell.witnesses]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// `http://host:port`
    pub url: String,
    /// Its key: `name+id+key`.
    pub key: String,
}

/// `[trust]`: who may say what is released, and which hardware is believed. The attestor's
/// keys follow from both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// `iss` of the attestor's tokens.
    pub issuer: String,
    /// Keys that sign release manifests.
    pub release_keys: Vec<Jwk>,
    /// The lowest serial of a manifest that is accepted.
    #[serde(default)]
    pub manifest_serial_min: u64,
    /// Roots of genuine TPMs: of their vendors' endorsement certificates, and of the
    /// stations that enrol them.
    #[serde(default)]
    pub tpm_roots: Vec<TpmRoot>,
    /// Other hardware that is believed: `{ kind = "tdx", … }`, under the vendors' own roots.
    #[serde(default)]
    pub hardware: Vec<Root>,
}

/// `[development]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevelopmentConfig {
    /// The root under which software evidence is believed.
    pub software_root: Option<Jwk>,
    /// The root under which evidence of software TPMs is believed.
    pub tpm_root: Option<TpmRoot>,
    /// Whether the attestor answers the KBS protocol's `sample`, which nobody signs.
    #[serde(default)]
    pub kbs_sample: bool,
}

/// For a role without settings of its own.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigRefusal {
    /// Larger than [`CONFIG_BYTES_MAX`].
    #[error("the configuration is too large")]
    TooLarge,
    /// Not TOML, a field missing, unknown or of the wrong type.
    #[error("the configuration is malformed: {0}")]
    Malformed(String),
    /// The file is for another role.
    #[error("the configuration is for `{found}`, this is `{expected}`")]
    Workload {
        /// The binary's role.
        expected: WorkloadName,
        /// The file's.
        found: WorkloadName,
    },
    /// A production profile names a development root, or `[trust]` does.
    #[error("a production configuration cannot name a development root")]
    DevelopmentRoot,
    /// `[development]` names a root that does not say that it is for development.
    #[error("a root under `[development]` must be for development")]
    ProductionRoot,
    /// The attestor, and it alone, has no `cell.attestor`.
    #[error("`cell.attestor` is missing, or stands in the attestor's own configuration")]
    Attestor,
    /// `cell.witnesses_required` is no number of the witnesses that there are.
    #[error("`cell.witnesses_required` must be 1 up to the number of witnesses")]
    Witnesses,
}

impl ConfigRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "config.too_large",
            Self::Malformed(_) => "config.malformed",
            Self::Workload { .. } => "config.workload",
            Self::DevelopmentRoot => "config.development_root",
            Self::ProductionRoot => "config.production_root",
            Self::Attestor => "config.attestor",
            Self::Witnesses => "config.witnesses",
        }
    }
}

/// Reads a file for `workload`: the cell's part, and the rest as the role's.
///
/// The role's type must refuse unknown fields itself (`deny_unknown_fields`).
pub fn parse<C: DeserializeOwned>(
    text: &str,
    workload: &WorkloadName,
) -> Result<(Common, C), ConfigRefusal> {
    if text.len() > CONFIG_BYTES_MAX {
        return Err(ConfigRefusal::TooLarge);
    }
    let (ours, roles) = split(text.parse().map_err(malformed)?);
    let common: Common = ours.try_into().map_err(malformed)?;
    check(&common, workload)?;
    Ok((common, roles.try_into().map_err(malformed)?))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn malformed(error: toml::de::Error) -> ConfigRefusal {
    ConfigRefusal::Malformed(error.to_string())
}

fn split(mut roles: toml::Table) -> (toml::Table, toml::Table) {
    let mut ours = toml::Table::new();
    for name in OURS {
        if let Some(value) = roles.remove(name) {
            ours.insert(name.to_owned(), value);
        }
    }
    (ours, roles)
}

fn check(common: &Common, workload: &WorkloadName) -> Result<(), ConfigRefusal> {
    if common.cell.workload != *workload {
        let (expected, found) = (workload.clone(), common.cell.workload.clone());
        return Err(ConfigRefusal::Workload { expected, found });
    }
    roots_in_place(common)?;
    if (workload.as_str() == ATTESTOR) != common.cell.attestor.is_none() {
        return Err(ConfigRefusal::Attestor);
    }
    let count = common.cell.witnesses.len();
    match common.cell.witnesses_required {
        Some(required) if !(1..=count).contains(&required) => Err(ConfigRefusal::Witnesses),
        _ => Ok(()),
    }
}

/// Roots of development stand under `[development]`, which production has not; all others
/// under `[trust]`.
fn roots_in_place(common: &Common) -> Result<(), ConfigRefusal> {
    let production = common.profile == Profile::Production;
    let trusted = common.trust.tpm_roots.iter().any(|root| root.development);
    let trusted = trusted || common.trust.hardware.iter().any(Root::is_development);
    if trusted || (production && common.development.is_some()) {
        return Err(ConfigRefusal::DevelopmentRoot);
    }
    let development = common.development.iter().find_map(|table| table.tpm_root.as_ref());
    if development.is_some_and(|root| !root.development) {
        return Err(ConfigRefusal::ProductionRoot);
    }
    Ok(())
}
