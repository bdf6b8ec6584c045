//! The routes of the service. They are public, and carry nothing that is not signed or
//! worthless: integrity is by signatures. No route changes anything but a nonce.

use std::sync::Arc;

use autoclave_attest::handshake::{
    ATTEST_PATH, AttestQuery, JWKS_PATH, MANIFEST_PATH, NONCE_PATH, NonceAnswer, TokenAnswer,
};
use autoclave_cell::Refusal;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::azure;
use crate::refusal;
use crate::service::Attestor;
use crate::trustee;
use crate::veraison;

/// Where the discovery document is found (`OpenID` Connect Discovery 1.0, section 4).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// Keys and manifests may be kept for a minute: the next key is published long before.
const CACHED: &str = "public, max-age=60";

type Shared = State<Arc<Attestor>>;

pub(crate) fn routes(attestor: Arc<Attestor>) -> Router {
    Router::new()
        .route(NONCE_PATH, post(nonce))
        .route(ATTEST_PATH, post(attest))
        .route(MANIFEST_PATH, get(manifest))
        .route(DISCOVERY_PATH, get(discovery))
        .route(JWKS_PATH, get(jwks))
        .merge(trustee::routes())
        .merge(azure::routes())
        .merge(veraison::routes())
        .with_state(attestor)
}

async fn nonce(State(attestor): Shared) -> Result<Json<NonceAnswer>, Refusal> {
    attestor.nonce().map(Json)
}

async fn attest(
    State(attestor): Shared,
    query: Result<Json<AttestQuery>, JsonRejection>,
) -> Result<Json<TokenAnswer>, Refusal> {
    let Json(query) = query.map_err(|_| refusal::MALFORMED)?;
    attestor.attest(&query).await.map(Json)
}

async fn manifest(State(attestor): Shared) -> impl IntoResponse {
    let raw = attestor.policy.in_force().raw().to_owned();
    ([(CONTENT_TYPE, "application/jose"), (CACHE_CONTROL, CACHED)], raw)
}

async fn jwks(State(attestor): Shared) -> impl IntoResponse {
    let keys = attestor.keys.in_use().published;
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, CACHED)];
    (headers, Json(keys.as_ref().clone()).into_response().into_body())
}

async fn discovery(State(attestor): Shared) -> Json<Value> {
    let issuer = attestor.issuer();
    let base = issuer.trim_end_matches('/');
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{base}{JWKS_PATH}"),
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "claims_supported": [
            "iss", "sub", "aud", "iat", "nbf", "exp", "jti", "eat_nonce", "eat_profile",
            "ear.verifier-id", "submods", "cnf", "dbgstat", "hw_backed", "measurement",
            "x-ms-ver", "x-ms-attestation-type", "x-ms-policy-hash", "x-ms-runtime",
        ],
    }))
}
