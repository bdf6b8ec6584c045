//! The broker's routes. They read and answer; the broker decides. Callers learn that they
//! were refused, and administrators alone learn why.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_base::Digest;
use autoclave_base::ids::KeyName;
use autoclave_cell::Refusal;
use autoclave_cell::administrators::Administrator;
use autoclave_cell::release::ReleasedKey;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::Broker;
use crate::refusals::Refused;
use crate::vault::{Change, KeyView, VaultError};
use crate::versions::SecretText;

const MALFORMED: Refusal =
    Refusal::bad_request("request.malformed", "The body is not what this route takes.");

const NOT_A_ROUTE: Refusal = Refusal::not_found("request.no_route", "There is no such route.");

const UNKNOWN_KEY: Refusal =
    Refusal::not_found("keys.unknown", "There is no such key of your institution.");

/// The routes, to be reached through attested doors only. Key names contain slashes, so
/// that both routes on a key share one pattern.
pub(crate) fn router(broker: Arc<Broker>) -> Router {
    let governance = broker.governance.routes();
    Router::new()
        .route("/keys", get(list))
        .route("/keys/{*path}", post(release).put(import))
        .route("/refusals", get(refusals))
        .with_state(broker)
        .merge(governance)
}

/// `POST /keys/{name}/release`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    /// The current one, where it is absent.
    version: Option<u32>,
}

async fn release(
    State(broker): State<Arc<Broker>>,
    Path(path): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Result<Json<ReleasedKey>, Refusal> {
    let name = path.strip_suffix("/release").ok_or(NOT_A_ROUTE)?;
    let callers = broker.callers().await?;
    let chain = match broker.cell.chain(&parts, Digest::of(&body), &callers).await {
        Ok(chain) => chain,
        Err(refusal) if refusal.status().is_server_error() => return Err(refusal),
        Err(refusal) => return Err(broker.refuse_stranger(&refusal).await),
    };
    let asked = release_request(&body)?;
    broker.release(&chain, name, asked.version).await.map(Json)
}

fn release_request(body: &[u8]) -> Result<ReleaseRequest, Refusal> {
    if body.is_empty() {
        return Ok(ReleaseRequest::default());
    }
    serde_json::from_slice(body).map_err(|_| MALFORMED)
}

/// `PUT /keys/{name}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportRequest {
    /// 32 bytes in base64url.
    secret: SecretText,
}

#[derive(Serialize)]
struct ImportAnswer {
    key: KeyName,
    version: u32,
    changed: bool,
}

async fn import(
    State(broker): State<Arc<Broker>>,
    Path(name): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Result<(StatusCode, Json<ImportAnswer>), Refusal> {
    let now = broker.cell.now();
    let administrator = broker.administrators.prove(&parts, now)?;
    let key = own_key(&broker, administrator, &name)?;
    let request: ImportRequest = serde_json::from_slice(&body).map_err(|_| MALFORMED)?;
    let secret = request.secret.decode().ok_or(MALFORMED)?;
    let change = Change { now, action: "imported", by: administrator.name() };
    let (state, ledger) = (broker.cell.state(), broker.cell.ledger());
    let imported = broker.vault.set(&key, secret, &change, state, ledger).await;
    let imported = imported.map_err(|error| vault_refusal(&error))?;
    let status = if imported.changed { StatusCode::CREATED } else { StatusCode::OK };
    let (version, changed) = (imported.version, imported.changed);
    Ok((status, Json(ImportAnswer { key, version, changed })))
}

/// Another institution's key looks like none.
fn own_key(broker: &Broker, who: &Administrator, name: &str) -> Result<KeyName, Refusal> {
    let key = KeyName::parse(name).map_err(|_| UNKNOWN_KEY)?;
    match broker.vault.owner(&key) {
        Some(owner) if owner == who.institution() => Ok(key),
        _ => Err(UNKNOWN_KEY),
    }
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyView>,
}

async fn list(State(broker): State<Arc<Broker>>, parts: Parts) -> Result<Json<Keys>, Refusal> {
    let administrator = broker.administrators.prove(&parts, broker.cell.now())?;
    Ok(Json(Keys { keys: broker.vault.of_owner(administrator.institution()) }))
}

#[derive(Serialize)]
struct RefusalList {
    refusals: Vec<Refused>,
}

async fn refusals(
    State(broker): State<Arc<Broker>>,
    parts: Parts,
) -> Result<Json<RefusalList>, Refusal> {
    let administrator = broker.administrators.prove(&parts, broker.cell.now())?;
    let refusals = broker.refusals.visible_to(administrator.institution());
    Ok(Json(RefusalList { refusals }))
}

fn vault_refusal(error: &VaultError) -> Refusal {
    let unavailable = "The key could not be set; nothing has changed.";
    match error {
        VaultError::Unknown => UNKNOWN_KEY,
        VaultError::Ledger(cause) => {
            Refusal::unavailable(error.code(), unavailable).caused_by(cause.code())
        }
        VaultError::State(cause) => {
            Refusal::unavailable(error.code(), unavailable).caused_by(cause.code())
        }
        VaultError::Repeated(_) | VaultError::Damaged(_) => Refusal::internal(error.code()),
    }
}
