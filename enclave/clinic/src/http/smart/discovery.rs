//! `GET /.well-known/smart-configuration`, also below `/fhir`: what a SMART application has to
//! know (App Launch 2.2, "Conformance"). The clinic's, and public.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{OAuthError, base, json_answer};
use crate::Clinic;

/// What of SMART is served here, in its words.
const CAPABILITIES: [&str; 13] = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-asymmetric",
    "context-ehr-patient",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

/// The discovery document.
pub(crate) async fn configuration(
    State(clinic): State<Arc<Clinic>>,
) -> Result<Response, OAuthError> {
    let base = base(&clinic)?;
    let at = |path: &str| format!("{base}{path}");
    let document = json!({
        "issuer": at("/fhir"),
        "authorization_endpoint": at("/auth/authorize"),
        "token_endpoint": at("/auth/token"),
        "introspection_endpoint": at("/auth/introspect"),
        "revocation_endpoint": at("/auth/revoke"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384", "ES256"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "scopes_supported": [
            "launch", "launch/patient", "offline_access", "online_access",
            "patient/*.rs", "user/*.cruds", "system/*.cruds",
        ],
        "capabilities": CAPABILITIES,
    });
    Ok(json_answer(StatusCode::OK, &document))
}
