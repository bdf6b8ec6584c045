//! Why a request is not answered as asked: a status, FHIR's type of issue, our stable code
//! and one sentence, all from the source. What a client sent stands in none of them, but for
//! the name of a search parameter or the place of an element.

use std::borrow::Cow;

use autoclave_fhir::DocumentRefusal;
use autoclave_fhir::json::{JsonRefusal, Node};
use autoclave_search::QueryRefusal;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::message::FhirResponse;
use crate::store::StoreError;

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
    text: Cow<'static, str>,
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
            text: Cow::Borrowed(text),
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

    /// The ledger did not take the line, so nothing is told.
    pub(crate) fn unrecorded(status: StatusCode) -> Self {
        let text = "The access could not be written down, so there is no answer.";
        Self::new(status, "exception", "access.unrecorded", text)
    }

    /// Names the parameter or element that is meant, never its value.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Whether it names one.
    pub fn has_place(&self) -> bool {
        self.0.place.is_some()
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

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        use StatusCode as Status;
        let told = |status, issue, text| Self::new(status, issue, error.code(), text);
        match error {
            StoreError::Conflict => {
                told(Status::CONFLICT, "conflict", "Somebody else changed the resource meanwhile.")
            }
            StoreError::Erased => {
                told(Status::CONFLICT, "business-rule", "The patient was erased; nothing is kept.")
            }
            StoreError::TooCostly => {
                told(Status::FORBIDDEN, "too-costly", "The request takes too long; narrow it.")
            }
            StoreError::TooLarge => {
                told(Status::PAYLOAD_TOO_LARGE, "too-long", "A value is larger than is stored.")
            }
            StoreError::Full => {
                told(Status::INSUFFICIENT_STORAGE, "no-store", "There is no room left.")
            }
            StoreError::Unavailable => {
                told(Status::SERVICE_UNAVAILABLE, "transient", "The records do not answer now.")
            }
            other => Self::internal(other.code()),
        }
    }
}

impl From<QueryRefusal> for Fault {
    fn from(refusal: QueryRefusal) -> Self {
        let text = refusal.to_string();
        let issue = match refusal {
            QueryRefusal::Value(_) => "value",
            QueryRefusal::TooMuch(_) => "too-costly",
            _ => "not-supported",
        };
        let mut fault = Self::new(StatusCode::BAD_REQUEST, issue, refusal.code(), "");
        fault.0.text = Cow::Owned(text);
        fault
    }
}

impl From<DocumentRefusal> for Fault {
    fn from(refusal: DocumentRefusal) -> Self {
        let (code, text) = match refusal {
            DocumentRefusal::Json(JsonRefusal::Syntax(_)) => {
                ("json.syntax", "The body is not JSON.")
            }
            DocumentRefusal::Json(JsonRefusal::Depth) => {
                ("json.depth", "The JSON is nested deeper than is read.")
            }
            DocumentRefusal::Json(JsonRefusal::Size) => {
                ("json.size", "The JSON has more values than are read.")
            }
            DocumentRefusal::Json(JsonRefusal::Twice) => {
                ("json.twice", "A name stands twice in one object.")
            }
            DocumentRefusal::NotAResource => {
                ("record.not_a_resource", "The body is not a resource of FHIR R4.")
            }
            DocumentRefusal::Head => ("record.head", "Id or meta is not what FHIR says."),
        };
        Self::new(StatusCode::BAD_REQUEST, "structure", code, text)
    }
}

impl From<JsonRefusal> for Fault {
    fn from(refusal: JsonRefusal) -> Self {
        DocumentRefusal::Json(refusal).into()
    }
}
