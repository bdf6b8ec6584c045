//! The hospital's page at the front door: files built in, and the trust file that its host names.
//! It belongs to the edge.
//! What the page believes is the host's choice; nothing here is made up for a request, and no
//! file of the host's but the one that the configuration names is ever read.

use std::path::{Path, PathBuf};

use http::{HeaderValue, Response, header};
use hyper::body::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Deserialize;
use serde_json::json;

/// Largest trust file, as clients take it.
const TRUST_BYTES_MAX: u64 = 256 * 1024;
/// Longest name of whom to call: it stands in a sentence.
const CONTACT_CHARS_MAX: usize = 200;

/// What the build of `outside/portals/hospital` made.
#[derive(RustEmbed)]
#[folder = "../portals/hospital/dist"]
struct Built;

/// The page's part of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageConfig {
    /// The trust file that the page starts from; without it the page verifies nothing and
    /// therefore sends nothing.
    pub trust: Option<PathBuf>,
    /// Whom to call when verification fails, such as `IT security, extension 4711`.
    pub contact: Option<String>,
}

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The trust file cannot be read.
    #[error("the page's trust file {} cannot be read: {source}", path.display())]
    Trust {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The trust file is larger than any trust file.
    #[error("the page's trust file {} is too large", .0.display())]
    TrustTooLarge(PathBuf),
    /// Nobody reads so long a name.
    #[error("the page's contact is longer than {CONTACT_CHARS_MAX} characters")]
    ContactTooLong,
}

impl PageError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trust { .. } => "page.trust_unreadable",
            Self::TrustTooLarge(_) => "page.trust_too_large",
            Self::ContactTooLong => "page.contact_too_long",
        }
    }
}

/// The page, ready to be served.
pub(crate) struct Page {
    trust: Option<Bytes>,
    contact: Option<Bytes>,
}

impl Page {
    /// Reads what the configuration names, once.
    pub(crate) fn load(config: &PageConfig) -> Result<Self, PageError> {
        let trust = config.trust.as_deref().map(read_trust).transpose()?;
        let contact = config.contact.as_deref().map(contact).transpose()?;
        Ok(Self { trust, contact })
    }

    /// The page itself.
    pub(crate) fn index() -> Option<Response<Bytes>> {
        let mut response = answer("text/html; charset=utf-8", bytes(Built::get("index.html")?));
        insert(&mut response, PAGE_HEADERS);
        Some(response)
    }

    /// A file that the page needs; its name says its content, so that it never changes.
    pub(crate) fn asset(name: &str) -> Option<Response<Bytes>> {
        let file = Built::get(&format!("assets/{name}"))?;
        let mut response = answer(content_type(name)?, bytes(file));
        insert(&mut response, ASSET_HEADERS);
        Some(response)
    }

    /// The trust file, byte for byte.
    pub(crate) fn trust(&self) -> Option<Response<Bytes>> {
        self.trust.clone().map(own_json)
    }

    /// `{"contact"}`: whom to call.
    pub(crate) fn contact(&self) -> Option<Response<Bytes>> {
        self.contact.clone().map(own_json)
    }

    /// Whether the edge itself lives.
    pub(crate) fn health() -> Response<Bytes> {
        let mut response = answer("text/plain; charset=utf-8", Bytes::from_static(b"ok\n"));
        insert(&mut response, DATA_HEADERS);
        response
    }
}

fn read_trust(path: &Path) -> Result<Bytes, PageError> {
    let unreadable = |source| PageError::Trust { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > TRUST_BYTES_MAX {
        return Err(PageError::TrustTooLarge(path.to_owned()));
    }
    std::fs::read(path).map(Bytes::from).map_err(unreadable)
}

fn contact(name: &str) -> Result<Bytes, PageError> {
    if name.chars().count() > CONTACT_CHARS_MAX {
        return Err(PageError::ContactTooLong);
    }
    Ok(Bytes::from(json!({ "contact": name }).to_string()))
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        std::borrow::Cow::Borrowed(data) => Bytes::from_static(data),
        std::borrow::Cow::Owned(data) => Bytes::from(data),
    }
}

/// The kinds of file that a build makes; another kind is not served.
fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    match extension {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

fn answer(content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn own_json(body: Bytes) -> Response<Bytes> {
    let mut response = answer("application/json", body);
    insert(&mut response, DATA_HEADERS);
    response
}

fn insert(response: &mut Response<Bytes>, all: Fields) {
    for (name, value) in all {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
}

const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Names of header fields with their values.
type Fields = &'static [(&'static str, &'static str)];

/// The page runs its own script, wears its own style, shows images that it made itself, and
/// talks to nobody but this edge.
const PAGE_HEADERS: Fields = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

const ASSET_HEADERS: Fields = &[
    ("content-security-policy", NOTHING),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "public, max-age=31536000, immutable"),
    ("cross-origin-resource-policy", "same-origin"),
];

const DATA_HEADERS: Fields = &[
    ("content-security-policy", NOTHING),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[cfg(test)]
mod tests;
