//! `PUT`, `GET` and `DELETE /values/{name}`, for configured chains of attested callers. The
//! cache's. Nothing is looked at before the chain verified; the life of a value stands in
//! the query, because the chain's proof covers it.

use std::sync::Arc;

use autoclave_attest::chain::{ANSWER_HEADER, VerifiedChain};
use autoclave_base::Digest;
use autoclave_cell::cache::{SEALED_BYTES_MAX, SECONDS_MAX};
use autoclave_cell::{Cell, Refusal};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::Settings;
use crate::refusals::{BUSY, MISSING, NAME, SECONDS, TOO_LARGE, WISH, note};
use crate::shelf::{Shelf, place};

/// Bodies in memory at one time: 128 MiB at the very worst, whoever sends them.
const BODIES_MAX: usize = 32;

/// What the handlers share.
pub(crate) struct Service {
    cell: Arc<Cell>,
    settings: Settings,
    shelf: Shelf,
    bodies: Semaphore,
}

impl Service {
    pub(crate) fn new(cell: Arc<Cell>, settings: Settings) -> Self {
        let (shelf, bodies) = (Shelf::default(), Semaphore::new(BODIES_MAX));
        Self { cell, settings, shelf, bodies }
    }

    /// Reads the request and establishes who asks.
    async fn admit(&self, request: Request) -> Result<Admitted, Refusal> {
        let _place = self.bodies.try_acquire().map_err(|_| BUSY)?;
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, SEALED_BYTES_MAX).collect().await;
        let body = body.map_err(|_| TOO_LARGE)?.to_bytes();
        let chain = self.cell.chain(&parts, Digest::of(&body), &self.settings.callers).await;
        match chain {
            Ok(caller) => Ok(Admitted { parts, body, caller }),
            Err(refusal) => Err(note(&self.cell, refusal).await),
        }
    }
}

/// A request of a caller who may.
struct Admitted {
    parts: Parts,
    body: Bytes,
    caller: VerifiedChain,
}

impl Admitted {
    fn place(&self, name: &str) -> Result<Digest, Refusal> {
        let name: Digest = format!("sha256:{name}").parse().map_err(|_| NAME)?;
        Ok(place(&self.caller, &name))
    }
}

/// `?seconds=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    seconds: u64,
}

/// `?link=true`
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    link: bool,
}

/// All routes.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/values/{name}", get(read).put(keep).delete(forget))
        .layer(DefaultBodyLimit::max(SEALED_BYTES_MAX))
        .with_state(service)
}

async fn keep(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    life: Result<Query<Life>, QueryRejection>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let asked = service.admit(request).await?;
    let place = asked.place(&name)?;
    let Query(Life { seconds }) = life.map_err(|_| SECONDS)?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(SECONDS);
    }
    let now = service.cell.now();
    service.shelf.put(place, asked.body, now.plus(seconds), now);
    Ok(StatusCode::NO_CONTENT)
}

async fn read(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    wish: Result<Query<Wish>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked = service.admit(request).await?;
    let place = asked.place(&name)?;
    let value = service.shelf.get(&place, service.cell.now()).ok_or(MISSING)?;
    let Query(Wish { link }) = wish.map_err(|_| WISH)?;
    let link = if link {
        let caller = asked.caller.caller().thumbprint();
        Some(service.cell.answer_link(&asked.parts, caller, &value).await?)
    } else {
        None
    };
    Ok(answer(value, link))
}

fn answer(value: Bytes, link: Option<HeaderValue>) -> Response {
    let media_type = [(header::CONTENT_TYPE, "application/octet-stream")];
    let mut response = (media_type, Body::from(value)).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(ANSWER_HEADER, link);
    }
    response
}

async fn forget(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let asked = service.admit(request).await?;
    service.shelf.remove(&asked.place(&name)?);
    Ok(StatusCode::NO_CONTENT)
}
