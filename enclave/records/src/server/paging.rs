//! Paging links: the state of a search, sealed. A link says nothing to whoever sees it in a
//! log, is refused when altered, used by somebody else or too old, and opens nothing by
//! itself: each page asks for permission again.

use autoclave_base::{Secret, b64};
use autoclave_fhir::Kind;
use http::StatusCode;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::fault::Fault;
use super::interaction::Over;

/// How long a link holds.
const LIFE_MS: i64 = 60 * 60 * 1000;
/// Each link has a key of its own, from this much randomness.
const SALT_BYTES: usize = 16;
/// Longest link: what every HTTP implementation carries in a URL.
const LINK_BYTES_MAX: usize = 48 * 1024;

/// Where the next page begins, and of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageState {
    /// What is paged.
    #[serde(rename = "w")]
    pub(crate) what: Paged,
    /// Type, by its number.
    #[serde(rename = "k", skip_serializing_if = "Option::is_none", default)]
    kind: Option<u8>,
    /// Whose compartment, or which instance.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none", default)]
    id: Option<String>,
    /// The query as it was sent.
    #[serde(rename = "q")]
    pub(crate) query: String,
    /// Where it goes on.
    #[serde(rename = "c")]
    pub(crate) cursor: Cursor,
    /// The total, where it was counted for the first page.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none", default)]
    pub(crate) total: Option<u64>,
    /// Unknown parameters were named, not refused.
    #[serde(rename = "l", default)]
    pub(crate) is_lenient: bool,
    /// Until when it holds.
    #[serde(rename = "e")]
    until: i64,
}

/// What is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Paged {
    #[serde(rename = "s")]
    Search,
    #[serde(rename = "p")]
    CompartmentSearch,
    #[serde(rename = "h")]
    History,
    #[serde(rename = "e")]
    Everything,
}

/// Behind what a page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cursor {
    /// A row, in the order of storing.
    #[serde(rename = "r")]
    Row(i64),
    /// A type, by number, and a row of it.
    #[serde(rename = "k")]
    Kind(u8, i64),
    /// Values of the order, and a row.
    #[serde(rename = "v")]
    Values(Vec<Option<String>>, i64),
    /// A version in a history: its time, row and number.
    #[serde(rename = "u")]
    Version(i64, i64, u32),
}

impl PageState {
    /// The state of a page of `over` behind `cursor`.
    pub(crate) fn new(what: Paged, over: &Over, query: &str, cursor: Cursor, now: i64) -> Self {
        let id = match over {
            Over::Instance(_, id) | Over::Compartment(id, _) => Some(id.clone()),
            Over::System | Over::Type(_) => None,
        };
        let kind = over.kind().map(Kind::number);
        let (query, until) = (query.to_owned(), now + LIFE_MS);
        Self { what, kind, id, query, cursor, total: None, is_lenient: false, until }
    }

    /// Over what it goes.
    pub(crate) fn over(&self) -> Over {
        let kind = self.kind.and_then(|number| Kind::from_number(number).ok());
        match (self.what, kind, self.id.clone()) {
            (Paged::CompartmentSearch, kind, Some(id)) => Over::Compartment(id, kind),
            (_, Some(kind), Some(id)) => Over::Instance(kind, id),
            (_, Some(kind), None) => Over::Type(kind),
            (_, None, _) => Over::System,
        }
    }
}

/// Makes and reads links.
pub(crate) struct Pager {
    key: hmac::Key,
    random: SystemRandom,
}

impl Pager {
    /// Under a key that is for nothing else.
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        Self { key, random: SystemRandom::new() }
    }

    /// What stands in a link.
    pub(crate) fn seal(&self, caller: &Caller, state: &PageState) -> Result<String, Fault> {
        let broken = |_| Fault::internal("paging.seal");
        let mut salt = [0; SALT_BYTES];
        self.random.fill(&mut salt).map_err(broken)?;
        let mut sealed = serde_json::to_vec(state).map_err(|_| Fault::internal("paging.write"))?;
        let (key, nonce) = self.once(&salt).map_err(broken)?;
        key.seal_in_place_append_tag(nonce, Aad::from(owner(caller)), &mut sealed)
            .map_err(broken)?;
        let mut link = salt.to_vec();
        link.extend(sealed);
        Ok(b64::encode(link))
    }

    /// The state that a link of this caller holds.
    pub(crate) fn open(&self, caller: &Caller, link: &str, now: i64) -> Result<PageState, Fault> {
        let refused = || Fault::bad("search.page_refused", "The paging link is not one of yours.");
        if link.len() > LINK_BYTES_MAX {
            return Err(refused());
        }
        let bytes = b64::decode(link).map_err(|_| refused())?;
        let (salt, sealed) = bytes.split_at_checked(SALT_BYTES).ok_or_else(refused)?;
        let (key, nonce) = self.once(salt).map_err(|_| refused())?;
        let mut sealed = sealed.to_vec();
        let clear = key
            .open_in_place(nonce, Aad::from(owner(caller)), &mut sealed)
            .map_err(|_| refused())?;
        let state: PageState = serde_json::from_slice(clear).map_err(|_| refused())?;
        if now > state.until {
            let text = "The paging link is too old; search again.";
            return Err(Fault::new(StatusCode::GONE, "expired", "search.page_expired", text));
        }
        Ok(state)
    }

    /// The key of one link: no key seals twice, so that the nonce may stay the same.
    fn once(&self, salt: &[u8]) -> Result<(LessSafeKey, Nonce), ring::error::Unspecified> {
        let key = hmac::sign(&self.key, salt);
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref())?);
        Ok((key, Nonce::assume_unique_for_key([0; 12])))
    }
}

/// Whose link it is: the same person for another patient or purpose is somebody else.
fn owner(caller: &Caller) -> Vec<u8> {
    let mut bytes = caller.tenant.0.to_be_bytes().to_vec();
    let patient = caller.patient.as_deref().unwrap_or_default();
    for part in [caller.actor.as_str(), caller.role.as_str(), caller.purpose.code(), patient] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::caller;
    use super::*;

    fn state() -> PageState {
        let over = Over::Compartment("7".to_owned(), Some(Kind::known("Observation")));
        PageState::new(Paged::CompartmentSearch, &over, "code=secret-code", Cursor::Row(40), 1000)
    }

    #[test]
    fn a_link_leads_back_and_says_nothing() {
        let pager = Pager::new(&Secret::new([7; 32]));
        let link = pager.seal(&caller(), &state()).unwrap();
        assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let clear = b64::decode(&link).unwrap();
        assert!(!clear.windows(6).any(|window| window == b"secret"));
        let read = pager.open(&caller(), &link, 2000).unwrap();
        assert!(read == state());
        assert_eq!(read.over(), Over::Compartment("7".into(), Some(Kind::known("Observation"))));
        assert_ne!(link, pager.seal(&caller(), &state()).unwrap());
    }

    #[test]
    fn altered_foreign_and_old_links_are_refused() {
        let pager = Pager::new(&Secret::new([7; 32]));
        let link = pager.seal(&caller(), &state()).unwrap();
        let code = |caller: &Caller, link: &str, now| {
            pager.open(caller, link, now).err().map(|fault| fault.code())
        };
        for at in 0..link.len() {
            let mut altered = link.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(code(&caller(), &altered, 0), Some("search.page_refused"), "{at}");
        }
        for bad in ["", "A", &link[1..], &"A".repeat(LINK_BYTES_MAX + 1)] {
            assert_eq!(code(&caller(), bad, 0), Some("search.page_refused"));
        }
        let mut other = caller();
        other.actor = autoclave_ledger::Label::code("somebody-else");
        assert_eq!(code(&other, &link, 0), Some("search.page_refused"));
        let mut other = caller();
        other.tenant = crate::Tenant(2);
        assert_eq!(code(&other, &link, 0), Some("search.page_refused"));
        assert_eq!(code(&caller(), &link, 1000 + LIFE_MS + 1), Some("search.page_expired"));
    }
}
