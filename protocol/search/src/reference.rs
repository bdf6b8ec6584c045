//! References: to a resource here, to one elsewhere, or to none that could be found. It
//! belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

/// Where a reference leads.
#[derive(Clone, PartialEq)]
pub(crate) enum Target<'n> {
    /// To a resource of this server, any version of it.
    Here(Kind, &'n str),
    /// To an address elsewhere.
    There(&'n str),
}

impl<'n> Target<'n> {
    /// Of a Reference; none where it leads nowhere that is searched for: a contained resource,
    /// a `urn:`, an identifier alone.
    pub(crate) fn of_node(value: &'n Node<'_>) -> Option<Self> {
        value.text_of("reference").and_then(Self::of)
    }

    /// Of its text: `Type/id`, `Type/id/_history/1`, or an address.
    pub(crate) fn of(text: &'n str) -> Option<Self> {
        if text.starts_with('#') || text.starts_with("urn:") {
            return None;
        }
        if text.contains("://") {
            return Some(Self::There(text));
        }
        let (kind, rest) = text.split_once('/')?;
        let id = rest.split_once("/_history/").map_or(rest, |(id, _)| id);
        let kind = kind.parse().ok()?;
        is_id(id).then_some(Self::Here(kind, id))
    }

    /// Of a text that a client asks for: addresses below our own bases are here.
    pub(crate) fn asked(text: &'n str, bases: &[String]) -> Option<Self> {
        let below = |base: &String| text.strip_prefix(base.as_str())?.strip_prefix('/');
        match bases.iter().find_map(below) {
            Some(relative) => Self::of(relative),
            None => Self::of(text),
        }
    }

    /// The type that it leads to, as far as it says.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Here(kind, _) => Some(*kind),
            Self::There(address) => {
                let address =
                    address.split_once("/_history/").map_or(*address, |(before, _)| before);
                address.rsplit('/').nth(1)?.parse().ok()
            }
        }
    }
}

/// Whether a text is an id of FHIR.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}
