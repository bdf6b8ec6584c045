//! Errors in the shape that clients of Azure Key Vault read: `{"error": {code, message,
//! innererror?}}`. All texts are constants of this program.

use autoclave_cell::event;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::vault::VaultError;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AkvError {
    pub(crate) status: StatusCode,
    code: &'static str,
    message: &'static str,
    pub(crate) inner: &'static str,
    challenge: Option<String>,
}

impl AkvError {
    pub(crate) const fn new(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        inner: &'static str,
    ) -> Self {
        Self { status, code, message, inner, challenge: None }
    }

    /// 400: what is asked for cannot be.
    pub(crate) const fn bad(message: &'static str, inner: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message, inner)
    }

    /// 401, with where to get what lacks.
    pub(crate) fn unauthorized(resource: &str, inner: &'static str) -> Self {
        let challenge =
            format!("Bearer authorization=\"{resource}/autoclave\", resource=\"{resource}\"");
        let message = "The request needs a bearer token of an administrator or a caller.";
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message, inner);
        Self { challenge: Some(challenge), ..refusal }
    }

    /// 403.
    pub(crate) const fn forbidden(message: &'static str, inner: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message, inner)
    }

    /// 404, also for what belongs to another institution.
    pub(crate) const fn not_found() -> Self {
        let message = "There is no such key or version in this vault.";
        Self::new(StatusCode::NOT_FOUND, "KeyNotFound", message, "keys.unknown")
    }

    /// 503: the store or the ledger failed; nothing has changed.
    pub(crate) const fn unavailable(inner: &'static str) -> Self {
        let message = "The vault cannot answer at the moment; nothing has changed.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message, inner)
    }
}

impl From<VaultError> for AkvError {
    fn from(error: VaultError) -> Self {
        let inner = error.code();
        match error {
            VaultError::Unknown => Self::not_found(),
            VaultError::Exists => {
                let message = "A key of that name exists, or is deleted and not purged.";
                Self::new(StatusCode::CONFLICT, "Conflict", message, inner)
            }
            VaultError::Forbidden => Self::forbidden("The key does not allow this.", inner),
            VaultError::Expiry => Self::bad(
                "attributes.exp: a key needs an end that is not over and after its beginning.",
                inner,
            ),
            VaultError::Full => Self::bad("The vault has no room for one more.", inner),
            _ => Self::unavailable(inner),
        }
    }
}

impl IntoResponse for AkvError {
    fn into_response(self) -> Response {
        event!(INFO, "key_vault.refused", cause = self.inner);
        let inner = json!({ "code": self.inner });
        let error = json!({ "code": self.code, "message": self.message, "innererror": inner });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let challenge = self.challenge.and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
