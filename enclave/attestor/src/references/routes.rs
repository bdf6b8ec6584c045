//! Veraison's path for reference values, and a list of those that count. Both are open to
//! anybody: what is taken is signed, and what is listed was public before.

use std::sync::Arc;

use autoclave_base::UnixTime;
use autoclave_cell::Refusal;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::References;

/// Veraison's provisioning API, version 1.
const SUBMIT_PATH: &str = "/endorsement-provisioning/v1/submit";
/// What counts here.
const LIST_PATH: &str = "/endorsement-provisioning/v1/references";
/// The type of its answer.
const SESSION: &str = "application/vnd.veraison.provisioning-session+json";
/// The types of a signed `CoRIM`: the draft's, and the one before it.
const TYPES: [&str; 2] = ["application/corim-signed+cbor", "application/rim+cose"];

const TYPE: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "corim.content_type",
    "Reference values are sent as application/corim-signed+cbor.",
);

pub(crate) fn routes(references: Arc<References>) -> Router {
    Router::new()
        .route(SUBMIT_PATH, post(submit))
        .route(LIST_PATH, get(list))
        .with_state(references)
}

async fn submit(
    State(references): State<Arc<References>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !TYPES.contains(&sent) {
        return Err(TYPE);
    }
    let taken = references.submit(body.to_vec()).await?;
    let expiry: UnixTime = taken.verified.corim().not_after;
    let answer = json!({ "status": "success", "expiry": expiry.rfc3339() });
    Ok(([(CONTENT_TYPE, SESSION)], answer.to_string()))
}

async fn list(State(references): State<Arc<References>>) -> Json<Value> {
    let one = |held: super::Held| {
        let corim = held.verified.corim();
        json!({
            "id": corim.id, "digest": held.verified.digest(), "signer": held.verified.signer(),
            "not_before": corim.not_before, "not_after": corim.not_after,
            "references": corim.references,
        })
    };
    Json(references.held().into_iter().map(one).collect())
}
