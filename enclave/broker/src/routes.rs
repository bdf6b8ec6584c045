//! The broker's routes. They read and answer; the broker decides. Callers learn that they
//! were refused, and administrators alone learn why.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_base::ids::KeyName;
use autoclave_base::{Digest, b64};
use autoclave_cell::Refusal;
use autoclave_cell::release::KEY_BYTES;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::request::Parts;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::institution::version_request;
use crate::refusals::Refused;
use crate::vault::{Change, KeyView, Material, Tenant, VaultError};
use crate::{Broker, akv, institution};

pub(crate) const MALFORMED: Refusal =
    Refusal::bad_request("request.malformed", "The body is not what this route takes.");

pub(crate) const NOT_A_ROUTE: Refusal =
    Refusal::not_found("request.no_route", "There is no such route.");

pub(crate) const UNKNOWN_KEY: Refusal =
    Refusal::not_found("keys.unknown", "There is no such key of your institution.");

/// The routes, to be reached through attested doors only. Key names contain slashes, so
/// that all routes on a key share one pattern.
pub(crate) fn router(broker: Arc<Broker>) -> Router {
    let governance = broker.governance.routes();
    Router::new()
        .route("/keys", get(list))
        .route("/keys/{*path}", post(release).put(import).fallback(no_method))
        .route("/deletedkeys", any(no_route))
        .route("/deletedkeys/{*path}", any(no_route))
        .route("/institutions/{institution}/{*path}", any(institution::serve))
        .route("/refusals", get(refusals))
        .layer(from_fn_with_state(broker.clone(), key_vault))
        .with_state(broker)
        .merge(governance)
}

/// Requests that speak the API of Azure Key Vault are answered in its words.
async fn key_vault(
    State(broker): State<Arc<Broker>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    if broker.key_vault.is_some() && akv::is_meant(request.uri()) {
        akv::serve(broker, request).await
    } else {
        next.run(request).await
    }
}

async fn no_route() -> Refusal {
    NOT_A_ROUTE
}

async fn no_method() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// `POST /keys/{name}/release`, `POST /keys/{name}/lease`
async fn release(
    State(broker): State<Arc<Broker>>,
    Path(path): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Refusal> {
    let leased = path.strip_suffix("/lease");
    let name = leased.or_else(|| path.strip_suffix("/release")).ok_or(NOT_A_ROUTE)?;
    let chain = broker.caller(&parts, Digest::of(&body)).await?;
    let version = version_request(&body)?.version;
    let tenant = KeyName::parse(name).ok().and_then(|name| broker.vault.owner_of(&name));
    let key = (tenant.as_ref(), name);
    if leased.is_some() {
        return broker.lease(&chain, key, version).await.map(|it| Json(it).into_response());
    }
    broker.release(&chain, key, version).await.map(|it| Json(it).into_response())
}

/// `PUT /keys/{name}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportRequest {
    /// 32 bytes in base64url.
    secret: SecretText,
}

/// Erased when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretText {
    /// The key, if it is one.
    fn material(&self) -> Option<Material> {
        let bytes = Zeroizing::new(b64::decode_array::<KEY_BYTES>(&self.0).ok()?);
        Some(Material::oct(bytes.to_vec()))
    }
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
    let key = KeyName::parse(&name).map_err(|_| UNKNOWN_KEY)?;
    // Another institution's key looks like none.
    let tenant: Tenant<'_> = broker
        .vault
        .owner_of(&key)
        .filter(|tenant| tenant.institution() == administrator.institution())
        .ok_or(UNKNOWN_KEY)?;
    let request: ImportRequest = serde_json::from_slice(&body).map_err(|_| MALFORMED)?;
    let material = request.secret.material().ok_or(MALFORMED)?;
    let change = Change { now, action: "imported", by: administrator.name() };
    let imported = tenant.set(&key, material, &change).await;
    let imported = imported.map_err(|error| vault_refusal(&error))?;
    let status = if imported.changed { StatusCode::CREATED } else { StatusCode::OK };
    let (version, changed) = (imported.version, imported.changed);
    Ok((status, Json(ImportAnswer { key, version, changed })))
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyView>,
}

async fn list(State(broker): State<Arc<Broker>>, parts: Parts) -> Result<Json<Keys>, Refusal> {
    let administrator = broker.administrators.prove(&parts, broker.cell.now())?;
    let tenant = broker.vault.tenant(administrator.institution()).ok_or(UNKNOWN_KEY)?;
    let keys = tenant.views().await.map_err(|error| vault_refusal(&error))?;
    Ok(Json(Keys { keys }))
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

pub(crate) fn vault_refusal(error: &VaultError) -> Refusal {
    let unavailable = "The key could not be set; nothing has changed.";
    match error {
        VaultError::Unknown => UNKNOWN_KEY,
        VaultError::Exists => {
            Refusal::new(StatusCode::CONFLICT, error.code(), "There is another key of that name.")
        }
        VaultError::Forbidden => {
            Refusal::forbidden(error.code(), "This is not allowed as things stand.")
        }
        VaultError::Expiry => {
            Refusal::bad_request(error.code(), "A key and a case need an end within bounds.")
        }
        VaultError::Full => Refusal::forbidden(error.code(), "There is no room for one more."),
        VaultError::Ledger(cause) => {
            Refusal::unavailable(error.code(), unavailable).caused_by(cause.code())
        }
        VaultError::Keep(cause) => {
            Refusal::unavailable(error.code(), unavailable).caused_by(cause.code())
        }
        VaultError::State(cause) => {
            Refusal::unavailable(error.code(), unavailable).caused_by(cause.code())
        }
        VaultError::Repeated(_) | VaultError::Damaged(_) | VaultError::Institution => {
            Refusal::internal(error.code())
        }
    }
}
