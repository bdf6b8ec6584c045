//! `[kbs]`: whose repositories there are, by which rules their resources leave, and how the
//! service answers. It is measured like all of the configuration. No resource stands in it,
//! and where the table is absent there is no service.

use autoclave_ledger::Label;
use serde::Deserialize;

use super::path::is_segment;

/// What rules on resources may speak of.
pub(crate) const SCHEMA: &str = include_str!("../kbs.cedarschema");

/// For whom the attestor's tokens are, unless it is said otherwise.
const AUDIENCE: &str = "kbs";

/// `[kbs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KbsSettings {
    /// 403, 404 and 503 where they say more than 401. Guests of Confidential Containers
    /// attest again on 401 only, so that it is off by default.
    #[serde(default)]
    pub strict_status: bool,
    /// Guests reach the service over plain HTTP: the session's cookie is not `Secure`.
    #[serde(default)]
    pub plain_http: bool,
    /// Administrators may set resources over the plain door too, where the host sees them.
    /// For development: refused where hardware is required.
    #[serde(default)]
    pub open_administration: bool,
    /// `aud` of the tokens that are believed.
    #[serde(default = "audience")]
    pub audience: String,
    /// `[[kbs.institutions]]`
    pub institutions: Vec<InstitutionSettings>,
}

/// One of `[[kbs.institutions]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstitutionSettings {
    /// The institution, as administrators have it.
    pub name: Label,
    /// Its repositories; each is one institution's.
    pub repositories: Vec<String>,
    /// Its rules, in Cedar. What none of them permits stays.
    pub rules: String,
}

/// Why the table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KbsConfigRefusal {
    /// Two institutions, or one of them twice, claim a repository; or an institution is
    /// named twice.
    #[error("`{0}` is named twice")]
    Repeated(String),
    /// No guest could ask for it.
    #[error("`{0}` is no name of a repository")]
    Repository(String),
}

impl KbsConfigRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) => "kbs.repeated",
            Self::Repository(_) => "kbs.repository",
        }
    }
}

impl KbsSettings {
    /// Whether every repository is exactly one institution's.
    pub(crate) fn check(&self) -> Result<(), KbsConfigRefusal> {
        let mut seen = std::collections::BTreeSet::new();
        for institution in &self.institutions {
            if !seen.insert((0, institution.name.as_str())) {
                return Err(KbsConfigRefusal::Repeated(institution.name.to_string()));
            }
            for repository in &institution.repositories {
                if !is_segment(repository) {
                    return Err(KbsConfigRefusal::Repository(repository.clone()));
                }
                if !seen.insert((1, repository)) {
                    return Err(KbsConfigRefusal::Repeated(repository.clone()));
                }
            }
        }
        Ok(())
    }
}

fn audience() -> String {
    AUDIENCE.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), KbsConfigRefusal> {
        toml::from_str::<KbsSettings>(text).unwrap().check()
    }

    fn institution(name: &str, repositories: &str) -> String {
        format!(
            "[[institutions]]\nname = \"{name}\"\nrepositories = {repositories}\nrules = \"\"\n"
        )
    }

    #[test]
    fn a_repository_belongs_to_one_institution() {
        let both = |one: &str, other: &str| check(&[one, other].concat());
        let mercy = institution("mercy", r#"["mercy", "default"]"#);
        assert_eq!(both(&mercy, &institution("acme", r#"["acme"]"#)), Ok(()));
        let refused = both(&mercy, &institution("acme", r#"["default"]"#)).unwrap_err();
        assert_eq!(refused.code(), "kbs.repeated");
        let refused = both(&mercy, &institution("mercy", r#"["other"]"#)).unwrap_err();
        assert_eq!(refused.code(), "kbs.repeated");
        let refused = check(&institution("acme", r#"["a/b"]"#)).unwrap_err();
        assert_eq!(refused.code(), "kbs.repository");
    }
}
