//! The GET routes of the Open Inference Protocol: health and metadata.
//! For whoever reached the sealed or the direct door; nothing in them is secret.
//! No handler here touches a request's body or an image.

use std::sync::Arc;

use autoclave_cell::Refusal;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Service;
use super::refusal::{KserveRefusal, not_ready};
use crate::kserve::{ModelMetadata, ServerMetadata, model_metadata, server_metadata};

type Answer<T> = Result<Json<T>, KserveRefusal>;
type OfService = State<Arc<Service>>;

pub(super) async fn server() -> Json<ServerMetadata> {
    Json(server_metadata())
}

pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

pub(super) async fn ready(State(service): OfService) -> Answer<Value> {
    service.shelf.ready(service.cell.now()).map_err(|unready| not_ready(unready.code()))?;
    Ok(Json(json!({ "ready": true })))
}

pub(super) async fn model(
    State(service): OfService,
    Path(name): Path<String>,
) -> Answer<ModelMetadata> {
    Ok(metadata(&service, &name, None)?)
}

pub(super) async fn version(
    State(service): OfService,
    Path((name, version)): Path<(String, String)>,
) -> Answer<ModelMetadata> {
    Ok(metadata(&service, &name, Some(&version))?)
}

pub(super) async fn model_ready(
    State(service): OfService,
    Path(name): Path<String>,
) -> Answer<Value> {
    Ok(readiness(&service, &name, None)?)
}

pub(super) async fn version_ready(
    State(service): OfService,
    Path((name, version)): Path<(String, String)>,
) -> Answer<Value> {
    Ok(readiness(&service, &name, Some(&version))?)
}

fn metadata(
    service: &Service,
    name: &str,
    version: Option<&str>,
) -> Result<Json<ModelMetadata>, Refusal> {
    let model = service.find(name, version)?;
    Ok(Json(model_metadata(&model.label(), &service.engine, model.spec())))
}

fn readiness(service: &Service, name: &str, version: Option<&str>) -> Result<Json<Value>, Refusal> {
    let model = service.find(name, version)?;
    Ok(Json(json!({ "name": model.config().name.as_str(), "ready": true })))
}
