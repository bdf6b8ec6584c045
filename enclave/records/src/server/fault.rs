//! Why a request is not answered as asked: a status, FHIR's type of issue, our stable code
//! and one sentence, all from the source. What a client sent stands in none of them, but for
//! the name of a search parameter or the place of an element.

use autoclave_fhir::json::Node;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::message::FhirResponse;

/// The system of our codes in `OperationOutcome.issue.details`.
pub const CODE_SYSTEM: &str = "urn:autoclave:code";

/// One refusal, ready to be told.
#[derive(Clone)]
pub struct Fault(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    issue: &'static str,
    code: &'static str,
    text: &'static str,
    place: Option<String>,
    outcome: Option<Vec<u8>>,
    headers: HeaderMap,
}

impl Fault {
    /// `issue` is a code of `issue-type`; `code` and `text` are ours.
    pub fn new(
        status: StatusCode,
        issue: &'static str,
        code: &'static str,
        text: &'static str,
    ) -> Self {
        Self(Box::new(Inner {
            status,
            issue,
            code,
            text,
            place: None,
            outcome: None,
            headers: HeaderMap::new(),
        }))
    }

    /// 400: the request itself is wrong.
    pub fn bad(code: &'static str, text: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", code, text)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "record.not_found",
            "There is no such resource.",
        )
    }

    /// 422: understood, and not acceptable.
    pub fn unprocessable(code: &'static str, text: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "processing", code, text)
    }

    /// 500, without a word on why; the cause is logged.
    pub fn internal(cause: &'static str) -> Self {
        tracing::error!(cause, "a FHIR request failed inside");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "exception", "internal", "The request failed inside.")
    }

    /// Names the parameter or element that is meant, never its value.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Tells this `OperationOutcome` instead of one issue.
    #[must_use]
    pub fn with_outcome(mut self, outcome: &Node<'_>) -> Self {
        self.0.outcome = Some(outcome.to_bytes());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The `OperationOutcome` as JSON.
    pub fn outcome(&self) -> Vec<u8> {
        let Inner { issue, code, text, place, outcome, .. } = &*self.0;
        match outcome {
            Some(outcome) => outcome.clone(),
            None => one_issue("error", issue, code, text, place.as_deref()),
        }
    }

    /// The answer that tells it.
    pub fn into_response(self) -> FhirResponse {
        let body = self.outcome();
        let mut answer = Response::new(body.into());
        *answer.status_mut() = self.0.status;
        *answer.headers_mut() = self.0.headers;
        let json = HeaderValue::from_static(super::MEDIA_TYPE);
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer
    }
}

/// An `OperationOutcome` of one issue.
pub fn one_issue(
    severity: &'static str,
    issue: &'static str,
    code: &'static str,
    text: &str,
    place: Option<&str>,
) -> Vec<u8> {
    let word = |text: &str| Node::Text(text.to_owned().into());
    let coding = Node::object([("system", word(CODE_SYSTEM)), ("code", word(code))]);
    let details = Node::object([("coding", Node::List(vec![coding]))]);
    let mut members = vec![
        ("severity", word(severity)),
        ("code", word(issue)),
        ("details", details),
        ("diagnostics", word(text)),
    ];
    if let Some(place) = place {
        members.push(("expression", Node::List(vec![word(place)])));
    }
    let outcome = Node::object([
        ("resourceType", word("OperationOutcome")),
        ("issue", Node::List(vec![Node::object(members)])),
    ]);
    outcome.to_bytes()
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code)
    }
}
