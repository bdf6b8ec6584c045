//! Answers of operations, as JSON. Nothing here decides what may stand in them.

use autoclave_fhir::json::Node;
use http::{HeaderValue, Response, StatusCode, header};

use crate::server::{FhirResponse, MEDIA_TYPE};

/// A string.
pub(super) fn word(text: impl Into<String>) -> Node<'static> {
    Node::Text(text.into().into())
}

/// A number.
pub(super) fn number(value: &impl ToString) -> Node<'static> {
    Node::Number(value.to_string().into())
}

/// One parameter of a `Parameters`: its value under a name such as `valueString`.
pub(super) fn parameter(name: &str, kind: &'static str, value: Node<'static>) -> Node<'static> {
    Node::object([("name", word(name)), (kind, value)])
}

/// A `Parameters`.
pub(super) fn parameters(all: Vec<Node<'static>>) -> Node<'static> {
    Node::object([("resourceType", word("Parameters")), ("parameter", Node::List(all))])
}

/// An answer with this resource.
pub(super) fn resource(status: StatusCode, node: &Node<'_>) -> FhirResponse {
    bytes(status, MEDIA_TYPE, node.to_bytes())
}

/// An answer with this body.
pub(super) fn bytes(status: StatusCode, media: &'static str, body: Vec<u8>) -> FhirResponse {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> FhirResponse {
    let mut answer = Response::default();
    *answer.status_mut() = status;
    answer
}

/// Sets a header, where the value can stand in one.
pub(super) fn set(answer: &mut FhirResponse, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
