//! The allow-list of what the edge relays: the enclaves' plain routes and the sealed door.
//! It belongs to the edge and mirrors what an enclave says in clear to anyone.
//! A path that is not on this list never reaches a party, and no query is ever passed on.

use http::Method;

/// A sealed request: a 200 MB image, its framing and the ciphers' tags.
pub(crate) const SEALED_BYTES_MAX: u64 = 216 * 1024 * 1024;
/// A plain request: evidence, a runtime object, a nonce.
pub(crate) const PLAIN_BYTES_MAX: u64 = 64 * 1024;
/// A path is a party's name and a tile's coordinates at most.
const PATH_BYTES_MAX: usize = 256;

const PARTIES: &str = "/parties/";
const ASSETS: &str = "/assets/";

/// What a request asks of the edge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The page for people.
    Page,
    /// A file that the page is made of.
    Asset(&'a str),
    /// The trust file that the page starts from.
    Trust,
    /// Whom the page says to call.
    Contact,
    /// Whether the edge itself lives.
    Health,
    /// A route of a party.
    Party(PartyRoute<'a>),
}

/// A route of a party that may be relayed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartyRoute<'a> {
    pub(crate) party: &'a str,
    /// The path at the party; begins with a slash and needs no escaping.
    pub(crate) path: &'a str,
    /// What may be logged.
    pub(crate) template: &'static str,
    pub(crate) body_bytes_max: u64,
}

struct Plain {
    method: Method,
    template: &'static str,
    /// The path itself, or its beginning when it ends in a slash.
    path: &'static str,
    body_bytes_max: u64,
}

const fn get(path: &'static str, template: &'static str) -> Plain {
    Plain { method: Method::GET, template, path, body_bytes_max: 0 }
}

const fn post(path: &'static str, template: &'static str, body_bytes_max: u64) -> Plain {
    Plain { method: Method::POST, template, path, body_bytes_max }
}

/// Metrics are missing on purpose: they are for the host, not for the street.
const ROUTES: &[Plain] = &[
    post("/sealed", "/parties/{name}/sealed", SEALED_BYTES_MAX),
    post(
        "/.well-known/autoclave/evidence",
        "/parties/{name}/.well-known/autoclave/evidence",
        PLAIN_BYTES_MAX,
    ),
    get("/.well-known/autoclave/token", "/parties/{name}/.well-known/autoclave/token"),
    get("/.well-known/ohttp-gateway", "/parties/{name}/.well-known/ohttp-gateway"),
    get("/.well-known/openid-configuration", "/parties/{name}/.well-known/openid-configuration"),
    get("/.well-known/jwks.json", "/parties/{name}/.well-known/jwks.json"),
    post("/attest/nonce", "/parties/{name}/attest/nonce", PLAIN_BYTES_MAX),
    post("/attest", "/parties/{name}/attest", PLAIN_BYTES_MAX),
    get("/attest/manifest", "/parties/{name}/attest/manifest"),
    get("/ledger/checkpoint", "/parties/{name}/ledger/checkpoint"),
    get("/ledger/key", "/parties/{name}/ledger/key"),
    get("/ledger/tile/", "/parties/{name}/ledger/tile/{*tile}"),
    get("/healthz", "/parties/{name}/healthz"),
    get("/readyz", "/parties/{name}/readyz"),
];

/// Finds what a request asks for; `None` if it is not on the list.
pub(crate) fn parse<'a>(method: &Method, path: &'a str) -> Option<Target<'a>> {
    own(path).filter(|_| method == Method::GET).or_else(|| {
        let route = party_route(method, path)?;
        Some(Target::Party(route))
    })
}

/// What the edge itself serves.
fn own(path: &str) -> Option<Target<'_>> {
    match path {
        "/" => Some(Target::Page),
        "/trust.json" => Some(Target::Trust),
        "/contact.json" => Some(Target::Contact),
        "/healthz" => Some(Target::Health),
        _ => {
            let name = path.strip_prefix(ASSETS).filter(|name| plain_segment(name))?;
            Some(Target::Asset(name))
        }
    }
}

fn party_route<'a>(method: &Method, path: &'a str) -> Option<PartyRoute<'a>> {
    let rest = path.strip_prefix(PARTIES).filter(|_| path.len() <= PATH_BYTES_MAX)?;
    let (party, inner) = rest.split_at(rest.find('/')?);
    let plain = ROUTES.iter().find(|route| route.method == *method && route.fits(inner))?;
    Some(PartyRoute {
        party,
        path: inner,
        template: plain.template,
        body_bytes_max: plain.body_bytes_max,
    })
}

impl Plain {
    fn fits(&self, path: &str) -> bool {
        if !self.path.ends_with('/') {
            return path == self.path;
        }
        path.strip_prefix(self.path).is_some_and(|rest| rest.split('/').all(plain_segment))
    }
}

/// A segment that needs no escaping and climbs nowhere.
fn plain_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests;
