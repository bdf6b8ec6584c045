//! Sessions that lie on the guest's side: a cookie that only the broker and its replicas
//! can read or write. Before the evidence it holds the nonce, afterwards what the token
//! says, and it ends with either. The broker holds nothing for whoever merely asks.

use autoclave_base::{Secret, UnixTime, b64};
use autoclave_cell::Entropy;
use autoclave_seal::file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::KbsRefusal;
use super::guest::Guest;
use super::wire::Hash;

/// The cookie's name.
pub(crate) const COOKIE: &str = "kbs-session-id";
/// Longest cookie that any client keeps (RFC 6265, section 6.1).
const COOKIE_BYTES_MAX: usize = 4096 - 128;
/// What a session is sealed for.
const AUTHED: &str = "kbs:authed";
/// What a session is sealed for.
const ATTESTED: &str = "kbs:attested";

/// A session whose guest has shown nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Authed {
    pub(crate) tee: String,
    pub(crate) hash: Hash,
    pub(crate) nonce: String,
    pub(crate) until: UnixTime,
}

/// What seals sessions; all replicas have the same.
pub(crate) struct SessionKey(Secret<[u8; 32]>);

impl SessionKey {
    pub(crate) const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    pub(crate) fn authed(&self, session: &Authed) -> Option<String> {
        self.seal(AUTHED, session)
    }

    /// The session of a guest that was attested; none if it would not fit.
    pub(crate) fn attested(&self, guest: &Guest) -> Option<String> {
        self.seal(ATTESTED, guest)
    }

    pub(crate) fn open_authed(&self, cookie: &str, now: UnixTime) -> Result<Authed, KbsRefusal> {
        let session: Authed = self.open(AUTHED, cookie).ok_or(KbsRefusal::NO_SESSION)?;
        if now < session.until { Ok(session) } else { Err(KbsRefusal::SESSION_EXPIRED) }
    }

    pub(crate) fn open_attested(&self, cookie: &str, now: UnixTime) -> Result<Guest, KbsRefusal> {
        let guest: Guest = self.open(ATTESTED, cookie).ok_or(KbsRefusal::NO_SESSION)?;
        if now < guest.until { Ok(guest) } else { Err(KbsRefusal::SESSION_EXPIRED) }
    }

    fn seal(&self, context: &str, session: &impl Serialize) -> Option<String> {
        let session = serde_json::to_vec(session).ok()?;
        let sealed = file::seal_bytes(&mut Entropy, &self.0, context, &session).ok()?;
        let cookie = b64::encode(sealed);
        (cookie.len() <= COOKIE_BYTES_MAX).then_some(cookie)
    }

    fn open<T: DeserializeOwned>(&self, context: &str, cookie: &str) -> Option<T> {
        if cookie.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let sealed = b64::decode(cookie).ok()?;
        let session = file::open_bytes(&self.0, context, &sealed).ok()?;
        serde_json::from_slice(&session).ok()
    }
}

/// The header that sets a session. `Secure` unless guests come over plain HTTP, where no
/// client would send it back.
pub(crate) fn set_cookie(value: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/kbs/v0; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The session of a request's one `cookie` header.
pub(crate) fn of_header(header: &str) -> Option<&str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    ours.next().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn authed() -> Authed {
        let (tee, nonce) = ("snp".to_owned(), "n".to_owned());
        Authed { tee, hash: Hash::Sha384, nonce, until: NOW.plus(10) }
    }

    #[test]
    fn a_session_opens_in_time_and_at_its_stage_only() {
        let key = SessionKey::new(Secret::new([1; 32]));
        let cookie = key.authed(&authed()).unwrap();
        assert_eq!(key.open_authed(&cookie, NOW).unwrap(), authed());
        let late = key.open_authed(&cookie, NOW.plus(10)).unwrap_err();
        assert_eq!(late.code(), "kbs.session_expired");
        assert_eq!(key.open_attested(&cookie, NOW).unwrap_err().code(), "kbs.no_session");
        let other = SessionKey::new(Secret::new([2; 32]));
        assert_eq!(other.open_authed(&cookie, NOW).unwrap_err().code(), "kbs.no_session");
        for bad in ["", "x", &"A".repeat(COOKIE_BYTES_MAX + 1)] {
            assert_eq!(key.open_authed(bad, NOW).unwrap_err().code(), "kbs.no_session");
        }
    }

    #[test]
    fn the_cookie_keeps_to_itself() {
        let set = set_cookie("v", 60, true);
        for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Max-Age=60", "Path=/kbs/v0"] {
            assert!(set.split("; ").any(|it| it == attribute), "{attribute}");
        }
        assert!(!set_cookie("v", 60, false).contains("Secure"));
        assert_eq!(of_header("a=b; kbs-session-id=v; c=d"), Some("v"));
        assert_eq!(of_header("xkbs-session-id=v"), None);
        assert_eq!(of_header("kbs-session-id="), None);
    }
}
