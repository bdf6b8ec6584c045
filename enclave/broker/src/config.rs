//! The broker's part of the configuration: which keys there are, whose they are, by which
//! rules they leave, and who administers them. It is measured, rules included, so that a
//! broker with other rules is another broker. No secret stands in it.

use autoclave_base::ids::KeyName;
use autoclave_cell::administrators::AdministratorSettings;
use autoclave_cell::governance::GovernanceSettings;
use autoclave_cell::policy::release_schema;
use autoclave_ledger::Label;
use serde::Deserialize;

use crate::akv::KeyVaultSettings;
use crate::kbs::config::KbsSettings;
use crate::storage::StorageSettings;

/// The broker's settings, as TOML after the cell's tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[policy]`
    pub policy: PolicySettings,
    /// `[[keys]]`: those that there are without an administrator's making them.
    #[serde(default)]
    pub keys: Vec<KeySettings>,
    /// `[[administrators]]`
    #[serde(default)]
    pub administrators: Vec<AdministratorSettings>,
    /// `[governance]`: who may change the rules of the keys of their institution, and how.
    #[serde(default)]
    pub governance: GovernanceSettings,
    /// `[storage]`: where records lie and what seals them; the sealed state without.
    #[serde(default)]
    pub storage: StorageSettings,
    /// `[kbs]`: the service for guests of Confidential Containers, where there is one.
    pub kbs: Option<KbsSettings>,
    /// `[key_vault]`: the API of Azure Key Vault, where it is wanted.
    pub key_vault: Option<KeyVaultSettings>,
}

impl Settings {
    /// The institutions that somebody acts for.
    pub(crate) fn institutions(&self) -> Vec<Label> {
        let callers = self.key_vault.iter().flat_map(|it| &it.callers);
        let all = self.administrators.iter().chain(callers);
        all.map(|it| it.institution.clone()).collect()
    }
}

/// `[policy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// The Cedar text itself: what is measured is what decides.
    pub rules: String,
}

/// One of `[[keys]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Its name: `model/brain-mri`, `records/clinic`.
    pub name: KeyName,
    /// The institution that owns it; its administrators alone may set it.
    pub owner: Label,
    /// What it is for: `model`, `records`.
    pub purpose: Label,
    /// Whether the broker makes it at first start. Otherwise it has to be imported.
    #[serde(default)]
    pub generate: bool,
}

/// The whole schema of release rules. It is part of the program, since it says what the
/// program hands to the rules; the rules' digest covers it.
pub fn schema() -> String {
    release_schema()
}

#[cfg(test)]
mod tests {
    use autoclave_cell::policy::PolicyBook;

    use super::*;

    const EXAMPLE: &str = include_str!("../example.toml");

    #[test]
    fn the_example_is_a_configuration_with_rules_that_load() {
        let settings: Settings = toml::from_str(EXAMPLE).unwrap();
        let book = PolicyBook::load(&settings.policy.rules, &schema()).unwrap();
        assert_eq!(book.rules().count(), 4);
        assert_eq!(settings.keys.len(), 2);
    }

    #[test]
    fn unknown_fields_are_refused() {
        for extra in
            ["[other]", "[[keys]]\nname = \"a\"\nowner = \"b\"\npurpose = \"c\"\nsecret = \"d\""]
        {
            let text = format!("{EXAMPLE}\n{extra}");
            assert!(toml::from_str::<Settings>(&text).is_err(), "{extra}");
        }
    }

    #[test]
    fn rules_that_do_not_fit_the_schema_are_refused() {
        let rules = r#"@id("a") permit(principal is Workload, action == Action::"release", resource)
            when { principal.owner == "acme" };"#;
        assert_eq!(PolicyBook::load(rules, &schema()).unwrap_err().code(), "policy.invalid");
    }
}
