//! The page at the front door: who the parties are and how to use the command line.
//! It belongs to the edge.
//! It has no script, names no third party and says nothing of patients.

use http::{HeaderValue, Response, header};
use hyper::body::Bytes;

use crate::config::PartyName;
use crate::front::PAGE_HEADERS;

const TEMPLATE: &str = include_str!("../assets/index.html");
const STYLE: &str = include_str!("../assets/style.css");

/// The rendered page.
pub(crate) struct Page {
    html: Bytes,
}

impl Page {
    pub(crate) fn new<'a>(parties: impl Iterator<Item = &'a PartyName>) -> Self {
        let list: String = parties.map(item).collect();
        Self { html: Bytes::from(TEMPLATE.replace("{{parties}}", &list)) }
    }

    pub(crate) fn html(&self) -> Response<Bytes> {
        page("text/html; charset=utf-8", self.html.clone())
    }

    pub(crate) fn style() -> Response<Bytes> {
        page("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))
    }

    pub(crate) fn health() -> Response<Bytes> {
        page("text/plain; charset=utf-8", Bytes::from_static(b"ok\n"))
    }
}

/// A party's name has no character that HTML would read otherwise.
fn item(name: &PartyName) -> String {
    let what = match name.as_str() {
        "attestor" => "checks which code runs and signs what it found",
        "broker" => "holds keys and releases them to attested code only",
        "diagnosis" => "runs the model on an image",
        "clinic" => "keeps the records and answers the hospital",
        _ => "a party of this deployment",
    };
    format!(
        "<li><strong>{name}</strong> {what} \
         <a href=\"/parties/{name}/.well-known/autoclave/token\">token</a> \
         <a href=\"/parties/{name}/ledger/checkpoint\">ledger</a></li>\n"
    )
}

fn page(content_type: &'static str, bytes: Bytes) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in PAGE_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
