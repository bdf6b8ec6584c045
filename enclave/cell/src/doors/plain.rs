//! The routes that every enclave serves in the open: evidence, token, sealing keys, the
//! ledger's public files, health. Their answers prove themselves by signatures, or say
//! nothing. No patient's data has a route here.

use std::sync::Arc;

use autoclave_attest::handshake::{EvidenceAnswer, EvidenceQuery, TokenAnswer};
use autoclave_seal::request::KEYS_MEDIA_TYPE;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, header};

use super::{Doors, body, observe, sealed};
use crate::{Refusal, limits, metrics};

const MALFORMED: Refusal =
    Refusal::bad_request("request.malformed", "The request is not what this route takes.");
const NO_FILE: Refusal = Refusal::not_found("ledger.no_file", "The ledger has no such file.");

/// The listener in the open: these routes, the sealed door, and the role's plain routes.
pub(crate) fn sealed_router(doors: &Arc<Doors>) -> Router {
    let role = |State(doors): State<Arc<Doors>>, request: Request| async move {
        doors.role.plain(request).await
    };
    bounded(own_routes(doors).fallback(role), doors)
}

/// The listener behind attested TLS: these routes, and all of the role's.
pub(crate) fn direct_router(doors: &Arc<Doors>) -> Router {
    let role = |State(doors): State<Arc<Doors>>, request: Request| async move {
        doors.role.direct(request).await
    };
    bounded(own_routes(doors).fallback(role), doors)
}

fn bounded(routes: Router<Arc<Doors>>, doors: &Arc<Doors>) -> Router {
    routes.layer(from_fn(body::bound)).with_state(doors.clone())
}

fn own_routes(doors: &Arc<Doors>) -> Router<Arc<Doors>> {
    Router::new()
        .route("/.well-known/autoclave/evidence", post(evidence))
        .route("/.well-known/autoclave/token", get(token))
        .route("/.well-known/ohttp-gateway", get(ohttp_keys))
        .route("/sealed", post(sealed::door))
        .route("/ledger/{*path}", get(ledger))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render_metrics))
        .layer(DefaultBodyLimit::max(limits::JSON_BYTES_MAX))
        .route_layer(from_fn_with_state(doors.cell.clone(), observe::observe))
}

async fn evidence(
    State(doors): State<Arc<Doors>>,
    query: Result<Json<EvidenceQuery>, JsonRejection>,
) -> Result<Json<EvidenceAnswer>, Refusal> {
    let Json(EvidenceQuery { nonce }) = query.map_err(|_| MALFORMED)?;
    Ok(Json(doors.cell.evidence(nonce).await?))
}

async fn token(State(doors): State<Arc<Doors>>) -> Result<Json<TokenAnswer>, Refusal> {
    let token = doors.cell.token().await?.raw().to_owned();
    Ok(Json(TokenAnswer { token }))
}

async fn ohttp_keys(State(doors): State<Arc<Doors>>) -> impl IntoResponse {
    let keys = doors.cell.identity().sealing().ohttp_keys();
    ([(header::CONTENT_TYPE, KEYS_MEDIA_TYPE)], keys)
}

/// Checkpoint, key and tiles; reads the disk on a thread that may block.
async fn ledger(
    State(doors): State<Arc<Doors>>,
    Path(path): Path<String>,
) -> Result<Response, Refusal> {
    let machine = doors.cell.machine().clone();
    let reading = machine.block_on(move || doors.cell.ledger().serve(&path));
    let served = reading.await.ok().flatten().ok_or(NO_FILE)?;
    let headers = [
        (header::CONTENT_TYPE, served.content_type),
        (header::CACHE_CONTROL, served.caching.header()),
    ];
    Ok((headers, served.bytes).into_response())
}

async fn ready(State(doors): State<Arc<Doors>>) -> Response {
    match doors.ready() {
        Ok(()) => (StatusCode::OK, "ready").into_response(),
        Err(lacking) => (StatusCode::SERVICE_UNAVAILABLE, lacking).into_response(),
    }
}

async fn render_metrics(State(doors): State<Arc<Doors>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], doors.cell.metrics().render())
}
