//! The guest door's part of the configuration: where the workload asks, and whom the door
//! asks. It is measured; no secret stands in it.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

/// The guest door's settings, as TOML after the cell's tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[guest]`
    pub guest: GuestSettings,
}

/// `[guest]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestSettings {
    /// Where the workload asks; loopback only.
    pub listen: SocketAddr,
    /// The key broker service, `http://host:port`. What passes is encrypted to the guest.
    pub kbs: String,
}

/// Why the settings are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingsRefusal {
    /// Others than the workload could ask.
    #[error("the door listens on loopback only")]
    NotLoopback,
    /// Not `http://host:port`.
    #[error("the key broker service is not of the form http://host:port")]
    Url,
}

impl SettingsRefusal {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotLoopback => "guest.not_loopback",
            Self::Url => "guest.url",
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsRefusal> {
        if !self.guest.listen.ip().is_loopback() {
            return Err(SettingsRefusal::NotLoopback);
        }
        let url: Uri = self.guest.kbs.parse().map_err(|_| SettingsRefusal::Url)?;
        let bare = url.path_and_query().is_none_or(|path| path == "/");
        let good = url.scheme() == Some(&Scheme::HTTP) && url.authority().is_some() && bare;
        if good { Ok(()) } else { Err(SettingsRefusal::Url) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str, kbs: &str) -> Result<(), SettingsRefusal> {
        let text = format!("[guest]\nlisten = \"{listen}\"\nkbs = \"{kbs}\"");
        toml::from_str::<Settings>(&text).unwrap().check()
    }

    #[test]
    fn the_example_is_a_configuration() {
        let settings: Settings = toml::from_str(include_str!("../example.toml")).unwrap();
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn only_the_workload_beside_it_can_ask() {
        assert_eq!(check("127.0.0.1:8006", "http://kbs:1"), Ok(()));
        assert_eq!(check("[::1]:8006", "http://kbs:1/"), Ok(()));
        assert_eq!(check("0.0.0.0:8006", "http://kbs:1"), Err(SettingsRefusal::NotLoopback));
        for bad in ["kbs:1", "https://kbs:1", "http://kbs:1/path", ""] {
            assert_eq!(check("127.0.0.1:8006", bad), Err(SettingsRefusal::Url), "{bad}");
        }
    }
}
