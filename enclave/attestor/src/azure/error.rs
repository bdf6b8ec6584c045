//! Errors as Azure Attestation tells them: `{"error": {"code", "message"}}` and the code in a
//! header. The message begins with our own stable code, so that both are there. Inner causes
//! are logged where our other refusals are, and never told.

use autoclave_cell::Refusal;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

/// Where Azure's clients look for the code.
const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

/// A refusal with Azure's word for it.
#[derive(Debug)]
pub(crate) struct AzureError {
    code: &'static str,
    refusal: Refusal,
}

impl AzureError {
    /// Azure's code, beside ours.
    pub(crate) const fn new(code: &'static str, refusal: Refusal) -> Self {
        Self { code, refusal }
    }

    /// Ours.
    pub(crate) const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl From<Refusal> for AzureError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status() {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "NotFound",
            status if status.is_server_error() => "InternalServerError",
            _ => "InvalidParameter",
        };
        Self { code, refusal }
    }
}

impl IntoResponse for AzureError {
    fn into_response(self) -> Response {
        let Self { code, refusal } = self;
        // Logged as every refusal is; its own body is another protocol's.
        drop(refusal.clone().into_response());
        let message = format!("{}: {}", refusal.code(), refusal.problem().title);
        // Azure knows no 422: what does not verify is a bad request.
        let status = match refusal.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let body = json!({"error": {"code": code, "message": message}});
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert(ERROR_CODE, HeaderValue::from_static(code));
        if status == StatusCode::UNAUTHORIZED {
            let wanted = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, wanted);
        }
        response
    }
}
