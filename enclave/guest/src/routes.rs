//! The door's routes, with the paths, parameters and answers of `api-server-rest`. They read
//! and answer; nothing is decided here.

use std::sync::Arc;

use autoclave_base::Digest;
use autoclave_cell::Refusal;
use autoclave_ledger::{Event, Label};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kbs::Client;

/// Largest body: an event.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Report data, which runtime data becomes.
const RUNTIME_DATA_BYTES_MAX: usize = 64;

const TOKEN_TYPE: Refusal =
    Refusal::bad_request("guest.token_type", "There are tokens of the type kbs only.");
const RUNTIME_DATA: Refusal =
    Refusal::bad_request("guest.runtime_data", "The runtime data is not of at most 64 bytes.");
const EVENT: Refusal = Refusal::bad_request(
    "guest.event",
    "An event is domain and operation, short codes without spaces, and content.",
);

type Shared = State<Arc<Client>>;

pub(crate) fn router(client: Arc<Client>) -> Router {
    Router::new()
        .route("/cdh/resource/{repository}/{type}/{tag}", get(resource))
        .route("/aa/token", get(token))
        .route("/aa/evidence", get(evidence))
        .route("/aa/additional-evidence", get(additional))
        .route("/aa/aael", post(event))
        .route("/info", get(info))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(client)
}

fn octets(bytes: Vec<u8>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/octet-stream")], bytes)
}

async fn resource(
    State(client): Shared,
    Path((repository, class, tag)): Path<(String, String, String)>,
) -> Result<impl IntoResponse, Refusal> {
    let resource = client.resource(&format!("{repository}/{class}/{tag}")).await?;
    Ok(octets(resource.expose().clone()))
}

#[derive(Deserialize)]
struct TokenQuery {
    #[serde(default)]
    token_type: String,
}

#[derive(Serialize)]
struct TokenAnswer<'a> {
    token: &'a str,
    /// PKCS#8 as PEM: who asks is inside.
    tee_keypair: &'a str,
}

async fn token(
    State(client): Shared,
    Query(query): Query<TokenQuery>,
) -> Result<impl IntoResponse, Refusal> {
    if query.token_type != "kbs" {
        return Err(TOKEN_TYPE);
    }
    let attested = client.attested().await?;
    let pem = attested.key.to_pem().ok_or(Refusal::internal("guest.pem"))?;
    let answer = TokenAnswer { token: &attested.token, tee_keypair: &pem };
    let answer = serde_json::to_vec(&answer).map_err(|_| Refusal::internal("guest.token"))?;
    Ok(octets(answer))
}

#[derive(Deserialize)]
struct EvidenceQuery {
    runtime_data: String,
    encoding: Option<String>,
}

async fn evidence(
    State(client): Shared,
    Query(query): Query<EvidenceQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let bytes = match query.encoding.as_deref() {
        None => query.runtime_data.into_bytes(),
        Some("base64") => base64(&query.runtime_data).ok_or(RUNTIME_DATA)?,
        Some(_) => return Err(RUNTIME_DATA),
    };
    let mut report_data = [0; RUNTIME_DATA_BYTES_MAX];
    report_data.get_mut(..bytes.len()).ok_or(RUNTIME_DATA)?.copy_from_slice(&bytes);
    let evidence = client.evidence(report_data).await?;
    Ok(octets(evidence.to_string().into_bytes()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let decoders = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD];
    decoders.iter().find_map(|decoder| decoder.decode(text).ok())
}

/// There are no further devices.
async fn additional() -> impl IntoResponse {
    octets(Vec::new())
}

#[derive(Deserialize)]
struct WorkloadEvent {
    domain: String,
    operation: String,
    content: String,
}

/// An event of the workload's, as a line of the guest's ledger, whose key its evidence names.
async fn event(
    State(client): Shared,
    event: Result<Json<WorkloadEvent>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(event) = event.map_err(|_| EVENT)?;
    let label = |text: &str| Label::parse(text).map_err(|_| EVENT);
    let line = Event::Workload {
        domain: label(&event.domain)?,
        operation: label(&event.operation)?,
        content: Digest::of(&event.content),
    };
    client.cell().ledger().append(line).await?;
    Ok(Json(json!({})))
}

async fn info(State(client): Shared) -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION"), "tee": client.tee(), "feature": "all" }))
}
