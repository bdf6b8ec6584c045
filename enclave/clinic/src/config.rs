//! The clinic's part of its measured configuration. The platform vendor's and the
//! hospital's. No secret stands in it, and no field is unknown.

use std::collections::BTreeMap;

use autoclave_attest::jwk::Thumbprint;
use autoclave_base::ids::{KeyName, ModelName, WorkloadName};
use autoclave_cell::cache::CacheConfig;
use serde::Deserialize;

/// `[broker]`, `[diagnosis]` and the rest of the role's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who releases the records key.
    pub broker: BrokerSettings,
    /// Who computes diagnoses.
    pub diagnosis: DiagnosisSettings,
    /// `[staff]`
    pub staff: StaffSettings,
    /// `[policy]`; the built-in rules where it is left out.
    #[serde(default)]
    pub policy: PolicySettings,
    /// `[cache]`; in process where it is left out.
    #[serde(default)]
    pub cache: CacheConfig,
    /// `[smart]`; no applications where it is left out.
    #[serde(default)]
    pub smart: crate::smart::SmartSettings,
    /// `[imaging]`; images of known patients only where it is left out.
    #[serde(default)]
    pub imaging: ImagingSettings,
}

/// `[imaging]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagingSettings {
    /// Issuer of Patient ID (0010,0021) and the identifier's system that it means.
    #[serde(default)]
    pub issuers: BTreeMap<String, String>,
    /// The system where an image names no issuer.
    pub system: Option<String>,
    /// Whether an image of an unknown patient makes one.
    #[serde(default)]
    pub creates: bool,
}

impl ImagingSettings {
    /// As the server of images takes them.
    pub(crate) fn to_settings(&self) -> autoclave_imaging::Settings {
        let issuers = self.issuers.clone().into_iter().collect();
        let (system, creates) = (self.system.clone(), self.creates);
        let identities = autoclave_imaging::Identities { issuers, system, creates };
        autoclave_imaging::Settings { identities, ..autoclave_imaging::Settings::default() }
    }
}

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// Where it is reached: `http://host:port`.
    pub url: String,
    /// The workload that must answer there.
    #[serde(default = "broker")]
    pub workload: WorkloadName,
    /// The key of the records.
    #[serde(default = "records_key")]
    pub records_key: KeyName,
}

/// `[diagnosis]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiagnosisSettings {
    /// Where it is reached: `http://host:port`.
    pub url: String,
    /// The workload that must answer there.
    #[serde(default = "diagnosis")]
    pub workload: WorkloadName,
    /// The model to ask.
    #[serde(default = "model")]
    pub model: ModelName,
}

/// `[staff]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffSettings {
    /// Thumbprints (RFC 7638) of the site administrators' keys.
    pub administrators: Vec<Thumbprint>,
}

/// `[policy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// Cedar rules over the schema of `permit/clinic.cedarschema`.
    pub rules: String,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { rules: crate::permit::DEFAULT_RULES.to_owned() }
    }
}

/// Names that a deployment seldom changes; all satisfy the rule of names.
#[expect(clippy::expect_used, reason = "constants, checked by a test")]
fn workload(name: &str) -> WorkloadName {
    WorkloadName::parse(name).expect("a constant name")
}

fn broker() -> WorkloadName {
    workload("broker")
}

fn diagnosis() -> WorkloadName {
    workload("diagnosis")
}

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
fn records_key() -> KeyName {
    KeyName::parse("records/clinic").expect("a constant name")
}

#[expect(clippy::expect_used, reason = "a constant, checked by a test")]
fn model() -> ModelName {
    ModelName::parse("brain-mri").expect("a constant name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
        [broker]
        url = "http://127.0.0.1:7402"
        [diagnosis]
        url = "http://127.0.0.1:7403"
        [staff]
        administrators = ["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"]
    "#;

    #[test]
    fn the_short_file_has_the_usual_names() {
        let settings: Settings = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(settings.broker.workload.as_str(), "broker");
        assert_eq!(settings.broker.records_key.as_str(), "records/clinic");
        assert_eq!(settings.diagnosis.workload.as_str(), "diagnosis");
        assert_eq!(settings.diagnosis.model.as_str(), "brain-mri");
        assert_eq!(settings.policy.rules, crate::permit::DEFAULT_RULES);
        assert_eq!(settings.cache, CacheConfig::InProcess);
    }

    #[test]
    fn unknown_fields_and_missing_parties_are_refused() {
        let unknown = format!("{EXAMPLE}\npassword = \"x\"");
        assert!(toml::from_str::<Settings>(&unknown).is_err());
        assert!(toml::from_str::<Settings>("[broker]\nurl = \"x\"").is_err());
    }
}
