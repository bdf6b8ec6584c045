//! The allow-list of what the edge relays: the enclaves' plain routes and the sealed door.
//! It belongs to the edge and mirrors what an enclave says in clear to anyone.
//! A path that is not on this list never reaches a party, and no query is passed on but the
//! few parameters that clients of other systems' protocols must send.

use http::Method;

/// A sealed request: a 200 MB image, its framing and the ciphers' tags.
pub(crate) const SEALED_BYTES_MAX: u64 = 216 * 1024 * 1024;
/// A plain request: evidence, a runtime object, a nonce.
pub(crate) const PLAIN_BYTES_MAX: u64 = 64 * 1024;
/// Evidence as other protocols wrap it: base64url in JSON in base64url, certificates beside.
pub(crate) const FOREIGN_BYTES_MAX: u64 = 1024 * 1024;
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
    /// Whether it belongs to a protocol of others, and what that needs.
    pub(crate) foreign: Option<Foreign>,
}

/// What a route of another system's protocol needs beyond ours: it stands at the root as
/// well, some parameters of the query pass, and so do credentials and cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The party that speaks it.
    home: &'static str,
    /// Parameters that pass.
    pub(crate) query: &'static [&'static str],
}

struct Plain {
    method: Method,
    template: &'static str,
    /// The path itself, or its beginning when it ends in a slash.
    path: &'static str,
    body_bytes_max: u64,
    foreign: Option<Foreign>,
}

const fn get(path: &'static str, template: &'static str) -> Plain {
    Plain { method: Method::GET, template, path, body_bytes_max: 0, foreign: None }
}

const fn post(path: &'static str, template: &'static str, body_bytes_max: u64) -> Plain {
    Plain { method: Method::POST, template, path, body_bytes_max, foreign: None }
}

const fn foreign(
    foreign: Foreign,
    method: Method,
    path: &'static str,
    template: &'static str,
) -> Plain {
    let body_bytes_max = if matches!(method, Method::GET) { 0 } else { FOREIGN_BYTES_MAX };
    Plain { method, template, path, body_bytes_max, foreign: Some(foreign) }
}

/// Azure Attestation's REST API.
const AZURE: Foreign = Foreign { home: "attestor", query: &["api-version"] };
/// Trustee's attestation service.
const TRUSTEE: Foreign = Foreign { home: "attestor", query: &[] };
/// Veraison's challenge-response sessions.
const VERAISON: Foreign = Foreign { home: "attestor", query: &["nonce", "nonceSize"] };

/// The KBS protocol of Confidential Containers.
const KBS: Foreign = Foreign { home: "broker", query: &["version"] };

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
    foreign(
        AZURE,
        Method::GET,
        "/.well-known/openid-configuration",
        "/parties/{name}/.well-known/openid-configuration",
    ),
    foreign(
        TRUSTEE,
        Method::GET,
        "/.well-known/jwks.json",
        "/parties/{name}/.well-known/jwks.json",
    ),
    post("/attest/nonce", "/parties/{name}/attest/nonce", PLAIN_BYTES_MAX),
    post("/attest", "/parties/{name}/attest", PLAIN_BYTES_MAX),
    get("/attest/manifest", "/parties/{name}/attest/manifest"),
    foreign(AZURE, Method::POST, "/attest/", "/parties/{name}/attest/{kind}"),
    foreign(AZURE, Method::GET, "/certs", "/parties/{name}/certs"),
    foreign(AZURE, Method::GET, "/policies/", "/parties/{name}/policies/{kind}"),
    foreign(AZURE, Method::PUT, "/policies/", "/parties/{name}/policies/{kind}"),
    foreign(AZURE, Method::POST, "/policies/", "/parties/{name}/policies/{kind}:reset"),
    foreign(AZURE, Method::GET, "/certificates", "/parties/{name}/certificates"),
    foreign(AZURE, Method::POST, "/certificates:add", "/parties/{name}/certificates:add"),
    foreign(AZURE, Method::POST, "/certificates:remove", "/parties/{name}/certificates:remove"),
    foreign(TRUSTEE, Method::POST, "/attestation", "/parties/{name}/attestation"),
    foreign(
        VERAISON,
        Method::GET,
        "/.well-known/veraison/verification",
        "/parties/{name}/.well-known/veraison/verification",
    ),
    foreign(
        VERAISON,
        Method::POST,
        "/challenge-response/v1/newSession",
        "/parties/{name}/challenge-response/v1/newSession",
    ),
    foreign(
        VERAISON,
        Method::POST,
        "/endorsement-provisioning/v1/submit",
        "/parties/{name}/endorsement-provisioning/v1/submit",
    ),
    foreign(
        VERAISON,
        Method::GET,
        "/endorsement-provisioning/v1/references",
        "/parties/{name}/endorsement-provisioning/v1/references",
    ),
    foreign(VERAISON, Method::POST, SESSION, SESSION_TEMPLATE),
    foreign(VERAISON, Method::GET, SESSION, SESSION_TEMPLATE),
    foreign(VERAISON, Method::DELETE, SESSION, SESSION_TEMPLATE),
    foreign(KBS, Method::POST, "/kbs/v0/auth", "/parties/{name}/kbs/v0/auth"),
    foreign(KBS, Method::POST, "/kbs/v0/attest", "/parties/{name}/kbs/v0/attest"),
    foreign(KBS, Method::GET, "/kbs/v0/resource/", RESOURCE_TEMPLATE),
    foreign(KBS, Method::POST, "/kbs/v0/resource/", RESOURCE_TEMPLATE),
    foreign(KBS, Method::DELETE, "/kbs/v0/resource/", RESOURCE_TEMPLATE),
    foreign(KBS, Method::GET, "/kbs/v0/resource-policy", POLICY_TEMPLATE),
    foreign(KBS, Method::POST, "/kbs/v0/resource-policy", POLICY_TEMPLATE),
    get("/ledger/checkpoint", "/parties/{name}/ledger/checkpoint"),
    get("/ledger/cosigned", "/parties/{name}/ledger/cosigned"),
    get("/ledger/key", "/parties/{name}/ledger/key"),
    get("/ledger/tile/", "/parties/{name}/ledger/tile/{*tile}"),
    get("/healthz", "/parties/{name}/healthz"),
    get("/readyz", "/parties/{name}/readyz"),
];

const RESOURCE_TEMPLATE: &str = "/parties/{name}/kbs/v0/resource/{*path}";
const POLICY_TEMPLATE: &str = "/parties/{name}/kbs/v0/resource-policy";
const SESSION: &str = "/challenge-response/v1/session/";
const SESSION_TEMPLATE: &str = "/parties/{name}/challenge-response/v1/session/{id}";

/// How a template of a route begins where a party is named.
const NAMED: &str = "/parties/{name}";

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
    if path.len() > PATH_BYTES_MAX {
        return None;
    }
    let find = |inner| ROUTES.iter().find(|route| route.method == *method && route.fits(inner));
    let Some(rest) = path.strip_prefix(PARTIES) else {
        let plain = find(path)?;
        let template = plain.template.strip_prefix(NAMED)?;
        return Some(plain.route(plain.foreign?.home, path, template));
    };
    let (party, inner) = rest.split_at(rest.find('/')?);
    let plain = find(inner)?;
    Some(plain.route(party, inner, plain.template))
}

impl Plain {
    const fn route<'a>(
        &self,
        party: &'a str,
        path: &'a str,
        template: &'static str,
    ) -> PartyRoute<'a> {
        let (body_bytes_max, foreign) = (self.body_bytes_max, self.foreign);
        PartyRoute { party, path, template, body_bytes_max, foreign }
    }

    fn fits(&self, path: &str) -> bool {
        if !self.path.ends_with('/') {
            return path == self.path;
        }
        path.strip_prefix(self.path).is_some_and(|rest| rest.split('/').all(plain_segment))
    }
}

/// A segment that needs no escaping and climbs nowhere.
fn plain_segment(segment: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
}

impl PartyRoute<'_> {
    /// What is asked of the party: the path, and of the query what may pass.
    pub(crate) fn target(&self, query: Option<&str>) -> String {
        let names = self.foreign.map_or(&[][..], |foreign| foreign.query);
        let passes = |pair: &&str| {
            let name = pair.split_once('=').map_or("", |(name, _)| name);
            names.contains(&name) && pair.bytes().all(plain_in_query)
        };
        let query = query.filter(|query| query.len() <= PATH_BYTES_MAX).unwrap_or_default();
        let kept: Vec<_> = query.split('&').filter(passes).collect();
        if kept.is_empty() {
            return self.path.to_owned();
        }
        format!("{}?{}", self.path, kept.join("&"))
    }
}

/// What needs no escaping in a parameter.
fn plain_in_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests;
