//! The role's part of the configuration.

use std::path::PathBuf;

use autoclave_attest::corim::CorimKey;
use autoclave_attest::token::TOKEN_LIFE_SECONDS;
use autoclave_cell::administrators::AdministratorSettings;
use autoclave_cell::governance::GovernanceSettings;
use serde::Deserialize;

use crate::azure::AzureSettings;

/// A key signs for a day, unless configured otherwise.
const KEY_LIFE_SECONDS: u64 = 86_400;

/// The attestor's settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[attestor]`
    pub attestor: AttestorSettings,
    /// `[[administrators]]`: who may look at the appraisal rules, draft and propose others.
    #[serde(default)]
    pub administrators: Vec<AdministratorSettings>,
    /// `[governance]`: who may bring others into force. Their institution is `operator`.
    #[serde(default)]
    pub governance: GovernanceSettings,
}

/// `[attestor]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestorSettings {
    /// The release manifest (JWS), read again whenever it changes. Its signature counts,
    /// not its place.
    pub manifest: PathBuf,
    /// Keys whose signed reference values (`CoRIM`) are taken: P-256 or P-384, as JWK.
    #[serde(default)]
    pub corim_signers: Vec<CorimKey>,
    /// How long a key signs tokens, at least a token's life.
    #[serde(default = "key_life")]
    pub key_life_seconds: u64,
    /// What vendors say of their platforms, as an offline bundle; read again whenever it
    /// changes. Nothing in it is trusted for its place: vendors signed it.
    pub endorsements: Option<PathBuf>,
    /// `[attestor.azure]`: Azure Attestation's API.
    #[serde(default)]
    pub azure: AzureSettings,
}

const fn key_life() -> u64 {
    KEY_LIFE_SECONDS
}

impl AttestorSettings {
    /// The life of a key: shorter than a token's would pile up published keys.
    pub(crate) fn key_life(&self) -> u64 {
        self.key_life_seconds.max(TOKEN_LIFE_SECONDS)
    }
}
