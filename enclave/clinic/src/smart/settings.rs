//! `[smart]`: where applications reach the clinic, and which are registered. The hospital's,
//! and measured: nobody registers an application without another measurement. No secret
//! stands here; applications prove themselves by keys of their own.

use autoclave_record::{Purpose, Scopes};
use serde::Deserialize;

use super::keys::ClientKeys;

/// `[smart]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartSettings {
    /// Where applications reach the attested TLS door: `https://host:port`, without a slash at
    /// the end. Nothing of SMART is served where it is left out.
    pub base: Option<String>,
    /// The registered applications.
    #[serde(default)]
    pub client: Vec<ClientSettings>,
}

/// What an application is, and so how it proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// Runs where its user can look inside: a browser, a phone. Proves nothing.
    Public,
    /// Has a key, and acts for people who sign in.
    Confidential,
    /// Has a key, and acts for itself (SMART Backend Services).
    Service,
}

/// `[[smart.client]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// `client_id`: a short code.
    pub id: String,
    /// What people see where they allow it something.
    pub name: String,
    /// What it is.
    pub kind: ClientKind,
    /// Where codes may go, exactly as they are asked for.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its public keys, as a JWK set.
    #[serde(default)]
    pub jwks: ClientKeys,
    /// The most that it is ever granted.
    pub scopes: String,
    /// The purpose of use of its tokens.
    #[serde(default = "treatment")]
    pub purpose: String,
    /// Labels that a service may see, as in `R` or `PSY`; `*` for all. A person's depend on the
    /// role.
    #[serde(default)]
    pub clearance: Vec<String>,
}

fn treatment() -> String {
    Purpose::Treatment.code().to_owned()
}

/// Why the registered applications are refused at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsRefusal {
    /// `base` is not `https://host:port`.
    #[error("smart.base is not https://host:port")]
    Base,
    /// Two applications of one id, or an id that is no short code.
    #[error("a client's id is no short code, or stands twice")]
    Id,
    /// Scopes that are not granted here.
    #[error("a client's scopes cannot be granted")]
    Scopes,
    /// Not a purpose of use.
    #[error("a client's purpose is unknown")]
    Purpose,
    /// A key that is not ES256, ES384 or RS384; or none where one is needed.
    #[error("a client's keys are missing or unusable")]
    Keys,
    /// An application with a user, and nowhere to send a code to.
    #[error("a client's redirect_uris are missing or unusable")]
    Redirect,
}

/// A registered application.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: ClientKind,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) keys: ClientKeys,
    pub(crate) scopes: Scopes,
    pub(crate) purpose: Purpose,
    pub(crate) clearance: Vec<String>,
}

impl SmartSettings {
    /// The applications, checked.
    pub(crate) fn clients(&self) -> Result<Vec<Client>, SettingsRefusal> {
        if let Some(base) = &self.base {
            let host = base.strip_prefix("https://").ok_or(SettingsRefusal::Base)?;
            if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
                return Err(SettingsRefusal::Base);
            }
        }
        let clients = self.client.iter().map(ClientSettings::checked);
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        let twice = |(at, client): (usize, &Client)| {
            clients[..at].iter().any(|other| other.id == client.id)
        };
        if clients.iter().enumerate().any(twice) { Err(SettingsRefusal::Id) } else { Ok(clients) }
    }
}

impl ClientSettings {
    fn checked(&self) -> Result<Client, SettingsRefusal> {
        let is_code = autoclave_ledger::Label::parse(&self.id).is_ok();
        let scopes = Scopes::parse(&self.scopes).map_err(|_| SettingsRefusal::Scopes)?;
        let keys_fit =
            self.jwks.are_usable() && (self.kind == ClientKind::Public) == self.jwks.is_empty();
        let goes_somewhere = self.kind == ClientKind::Service || !self.redirect_uris.is_empty();
        let safe = |uri: &String| {
            let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
            let secure = uri.starts_with("https://") || local.iter().any(|at| uri.starts_with(at));
            secure && !uri.contains(['#', ' ', '"', '<', '\r', '\n'])
        };
        if !is_code {
            Err(SettingsRefusal::Id)
        } else if !keys_fit {
            Err(SettingsRefusal::Keys)
        } else if !goes_somewhere || !self.redirect_uris.iter().all(safe) {
            Err(SettingsRefusal::Redirect)
        } else {
            Ok(Client {
                id: self.id.clone(),
                name: self.name.clone(),
                kind: self.kind,
                redirect_uris: self.redirect_uris.clone(),
                keys: self.jwks.clone(),
                scopes,
                clearance: self.clearance.clone(),
                purpose: self.purpose.parse().map_err(|_| SettingsRefusal::Purpose)?,
            })
        }
    }
}
