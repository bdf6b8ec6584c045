//! `[key_vault]`: the vault's address, who may call beside the administrators, and whose
//! tokens count. Measured like everything else; without it none of the routes is there.

use autoclave_cell::administrators::AdministratorSettings;
use serde::Deserialize;

/// In place of an institution in the address.
const INSTITUTION: &str = "{institution}";

/// `[key_vault]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyVaultSettings {
    /// The vault's address, as the keys' names begin: `https://vault.example`, or
    /// `https://{institution}.vault.example` with a host for each institution.
    pub url: String,
    /// Whether a token with a `jti` is good for one release only. Otherwise it is good
    /// until it expires, as in Azure: what it brings opens for the same key only.
    #[serde(default)]
    pub token_once: bool,
    /// `[[key_vault.callers]]`: who may read and ask for releases, and nothing else.
    #[serde(default)]
    pub callers: Vec<AdministratorSettings>,
    /// `[[key_vault.authorities]]`: whose tokens count beside those of our own attestor.
    #[serde(default)]
    pub authorities: Vec<Authority>,
}

/// One of `[[key_vault.authorities]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// What its tokens say as `iss`, and release policies as `authority`.
    pub issuer: String,
    /// Its keys, pinned: RSA or EC P-256, each with its `kid`.
    pub keys: Vec<serde_json::Value>,
}

impl KeyVaultSettings {
    /// The vault's address for an institution.
    pub(crate) fn url_of(&self, institution: &str) -> String {
        self.url.trim_end_matches('/').replace(INSTITUTION, institution)
    }

    /// The resource that a challenge names: the address without the institution's label.
    pub(crate) fn resource(&self) -> String {
        let label = format!("{INSTITUTION}.");
        self.url.trim_end_matches('/').replace(&label, "")
    }

    /// Whether a request to `host` is one to the vault of `institution`.
    pub(crate) fn is_host_of(&self, institution: &str, host: Option<&str>) -> bool {
        if !self.url.contains(INSTITUTION) {
            return true;
        }
        let own = self.url_of(institution);
        let own = own.split_once("://").map_or(own.as_str(), |(_, rest)| rest);
        host.is_some_and(|host| host.eq_ignore_ascii_case(own))
    }
}
