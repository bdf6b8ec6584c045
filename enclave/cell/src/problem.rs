//! How a handler refuses: a stable code and one fixed sentence for the caller, and the
//! codes of the causes for the log. The cell's. Text of an error, a path or input never
//! stands in either.

use std::num::NonZeroU64;

use autoclave_base::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::event;

/// A refusal: what the caller is told, and which codes caused it.
///
/// The causes stay inside and are logged once, when the refusal becomes an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    problem: Problem,
    cause: Option<&'static str>,
}

impl Refusal {
    /// All three are compile-time constants, so that no input can reach an answer.
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { problem: Problem::new(status.as_u16(), code, title), cause: None }
    }

    /// Adds the code of the inner error, for the log only.
    #[must_use]
    pub const fn caused_by(mut self, code: &'static str) -> Self {
        self.cause = Some(code);
        self
    }

    /// Says where in this enclave's ledger the refusal stands. The ledger is public; why it
    /// was refused is not.
    #[must_use]
    pub const fn at_line(mut self, line: u64) -> Self {
        // A ledger begins with its genesis: no refusal stands on line 0.
        self.problem.line = NonZeroU64::new(line);
        self
    }

    /// 400: the request itself is wrong.
    pub const fn bad_request(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 401: who asks is not established.
    pub const fn unauthenticated(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, title)
    }

    /// 403: who asks is known, and may not.
    pub const fn forbidden(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, title)
    }

    /// 404: there is no such thing, or none that the caller may know of.
    pub const fn not_found(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 503: not now.
    pub const fn unavailable(code: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title)
    }

    /// 500 with the one public code for all inner failures; `cause` is logged.
    pub const fn internal(cause: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The request failed inside.")
            .caused_by(cause)
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.problem.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of the inner error, if there was one.
    pub const fn cause(&self) -> Option<&'static str> {
        self.cause
    }

    /// What the caller is told.
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// The code of a refusal as a log field: a constant of this program, whatever its type.
struct Code<'a>(&'a str);

impl std::fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl autoclave_base::LogSafe for Code<'_> {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let cause = self.cause.unwrap_or("none");
        event!(INFO, "request.refused", refusal = Code(self.code()), cause = cause);
        let mut response = (self.status(), self.problem.to_json()).into_response();
        let media_type = HeaderValue::from_static(Problem::MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_caller_sees_the_code_and_not_the_cause() {
        let refusal = Refusal::forbidden("chain.refused", "The chain does not verify.")
            .caused_by("token.expired");
        assert_eq!(refusal.cause(), Some("token.expired"));
        let response = refusal.into_response();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers()[header::CONTENT_TYPE], Problem::MEDIA_TYPE);
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(Problem::parse(&body).unwrap().code, "chain.refused");
        assert!(!String::from_utf8_lossy(&body).contains("token.expired"));
    }

    #[test]
    fn every_inner_failure_has_the_same_face() {
        let one = Refusal::internal("state.io");
        let other = Refusal::internal("ledger.io");
        assert_eq!(one.problem(), other.problem());
        assert_eq!(one.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
