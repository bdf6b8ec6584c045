//! SMART on FHIR over HTTP: discovery, a person's consent, tokens, launches. The clinic's.
//! OAuth's answers are OAuth's (RFC 6749, section 5.2); nobody learns from one whether an
//! account, a code or a token exists that is not theirs.

mod authorize;
mod consent;
mod discovery;
mod inspect;
mod launch;
mod page;
mod token;

use std::sync::Arc;

use autoclave_cell::{Refusal, event};
use autoclave_ledger::{Decision, Event, Label};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::Clinic;
use crate::smart::assertion::{self, ASSERTION_TYPE};
use crate::smart::form::Fields;
use crate::smart::{Client, ClientKind, Grant, Holder};

pub(super) use discovery::configuration;

/// The routes, to be added to the clinic's.
pub(super) fn routes() -> Router<Arc<Clinic>> {
    Router::new()
        .route("/.well-known/smart-configuration", get(configuration))
        .route("/auth/authorize", get(authorize::ask).post(authorize::sign_in))
        .route("/auth/authorize/decide", post(consent::decide))
        .route("/auth/approve", post(authorize::approve))
        .route("/auth/launch", post(launch::launch))
        .route("/auth/token", post(token::token))
        .route("/auth/introspect", post(inspect::introspect))
        .route("/auth/revoke", post(inspect::revoke))
}

/// A refusal in OAuth's form. Its words are constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OAuthError {
    status: StatusCode,
    /// `invalid_request`, `invalid_client`, ….
    pub(super) error: &'static str,
    /// Our stable code, and for people all there is to say.
    pub(super) code: &'static str,
}

impl OAuthError {
    pub(super) const fn new(error: &'static str, code: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, code }
    }

    pub(super) const fn request(code: &'static str) -> Self {
        Self::new("invalid_request", code)
    }

    pub(super) const fn grant(code: &'static str) -> Self {
        Self::new("invalid_grant", code)
    }

    pub(super) const fn scope(code: &'static str) -> Self {
        Self::new("invalid_scope", code)
    }

    const fn client(code: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client", code }
    }

    const fn busy() -> Self {
        let (status, error) = (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
        Self { status, error, code: "smart.busy" }
    }
}

/// Failures inside look alike; their causes are logged where they become an answer.
impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        let cause = refusal.cause().unwrap_or("none");
        event!(WARN, "smart.failed", cause = cause);
        Self { status: refusal.status(), error: "server_error", code: "internal" }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        event!(INFO, "smart.refused", refusal = self.code);
        let body = json!({"error": self.error, "error_description": self.code});
        let mut response = json_answer(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::PRAGMA, "no-cache")];
    (status, headers, body.to_string()).into_response()
}

/// Where applications reach us; SMART is not served where that is not configured.
fn base(clinic: &Clinic) -> Result<&str, OAuthError> {
    const OFF: OAuthError = OAuthError {
        status: StatusCode::NOT_FOUND,
        error: "invalid_request",
        code: "smart.not_configured",
    };
    clinic.smart.base().ok_or(OFF)
}

/// The application that asks: by an assertion of its key, which counts once, or, where it is
/// public, by its word.
async fn authenticated<'a>(
    clinic: &'a Arc<Clinic>,
    fields: &Fields,
) -> Result<&'a Client, OAuthError> {
    let audience = format!("{}/auth/token", base(clinic)?);
    let Some(text) = fields.get("client_assertion") else {
        let id = fields.get("client_id").ok_or(OAuthError::client("client.missing"))?;
        let client = clinic.smart.client(id).filter(|client| client.kind == ClientKind::Public);
        return client.ok_or(OAuthError::client("client.unproved"));
    };
    if fields.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(OAuthError::client("assertion.type"));
    }
    let unknown = OAuthError::client("client.unknown");
    let id = assertion::issuer(text).ok_or(OAuthError::client("assertion.malformed"))?;
    let client = clinic.smart.client(&id).ok_or(unknown)?;
    if fields.get("client_id").is_some_and(|said| said != client.id) {
        return Err(OAuthError::client("assertion.client"));
    }
    let now = clinic.now();
    let proved = assertion::verify(text, client, &audience, now)
        .map_err(|refusal| OAuthError::client(refusal.code()))?;
    let count = move |store: &crate::Store| store.count_assertion(&proved.name, proved.until, now);
    if clinic.with_store(count).await? {
        Ok(client)
    } else {
        Err(OAuthError::client("assertion.replayed"))
    }
}

/// The line of something that was granted to an application, or taken from it.
async fn line(clinic: &Clinic, grant: &Grant, action: &'static str) -> Result<(), Refusal> {
    let (actor, role) = match grant.holder {
        Holder::Staff { id, role } => (Label::of(&id), Label::of(&role)),
        Holder::Application => (Label::of_claim(&grant.client), Label::code("system")),
    };
    let application = format!("Application/{}", grant.client);
    clinic
        .append(Event::Access {
            actor,
            role,
            action: Label::code(action),
            resource: Label::of_claim(&application),
            subject: grant.patient.as_deref().map(|patient| clinic.pseudonym(patient)),
            purpose: Some(Label::of(&grant.purpose)),
            decision: Decision::Granted,
            rules: Vec::new(),
        })
        .await
}
