//! A request as the clinic's doors hand it over, and the answer they send.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A FHIR request without its door. No `Debug`: it may name a patient.
#[derive(Clone)]
pub struct FhirRequest {
    /// `GET`, `POST`, …
    pub method: Method,
    /// The path behind the base in its parts, percent-decoded: `["Patient", "7"]`.
    pub path: Vec<String>,
    /// The query as it was sent, without `?`.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty where there is none.
    pub body: Bytes,
    /// The base that the client used, without a slash at its end.
    pub base: String,
}

/// The answer. An error is an `OperationOutcome`.
pub type FhirResponse = http::Response<Bytes>;
