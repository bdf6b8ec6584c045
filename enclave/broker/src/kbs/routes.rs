//! The service's routes. They read and answer; the service decides. Guests come over the
//! plain door, where nothing passes that is not encrypted to them; administrators come over
//! the attested doors, because a resource that is set is still in clear.

use std::sync::Arc;

use autoclave_base::b64;
use autoclave_cell::policy::PolicyBook;
use autoclave_ledger::{Event, Label};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::error::KbsRefusal;
use super::guest::Guest;
use super::path::ResourcePath;
use super::store::{RESOURCE_BYTES_MAX, StoreError};
use super::{Institution, Kbs, admin, config, nonce, session, wire};
use crate::keep::KeepError;
use autoclave_cell::administrators::Administrator;

/// Largest body of a guest's: evidence of 256 KiB in base64, twice encoded, and a margin.
const ATTEST_BYTES_MAX: usize = 512 * 1024;

/// Where a resource is found.
const RESOURCE: &str = "/kbs/v0/resource/{repository}/{type}/{tag}";
/// Where Trustee keeps its one policy.
const POLICY: &str = "/kbs/v0/resource-policy";

/// How often setting a resource is tried again that another change came before.
const ATTEMPTS_MAX: usize = 8;

type Shared = State<Arc<Kbs>>;

/// The routes behind the attested doors, and the open ones.
pub(crate) fn routes(kbs: &Arc<Kbs>) -> (Router, Router) {
    let governed =
        || any(|State(kbs): Shared| async move { KbsRefusal::GOVERNED.answer(kbs.strict()) });
    let administration = Router::new()
        .route(RESOURCE, post(set).delete(delete))
        .route(POLICY, get(policy).post(propose))
        .layer(DefaultBodyLimit::max(RESOURCE_BYTES_MAX + 1));
    let guests = Router::new()
        .route("/kbs/v0/auth", post(auth))
        .route("/kbs/v0/attest", post(attest))
        .route(RESOURCE, get(resource))
        .route("/kbs/v0/attestation-policy", governed())
        .route("/kbs/v0/reference-value", governed())
        .route("/kbs/v0/reference-value/{*id}", governed())
        .route("/kbs/v0/{*rest}", any(no_plugin))
        .layer(DefaultBodyLimit::max(ATTEST_BYTES_MAX));
    let open = kbs.settings.open_administration && !kbs.cell().trust().hardware_required();
    let (attested, plain) =
        if open { (Router::new(), guests.merge(administration)) } else { (administration, guests) };
    (attested.with_state(kbs.clone()), plain.with_state(kbs.clone()))
}

impl Kbs {
    pub(super) const fn strict(&self) -> bool {
        self.settings.strict_status
    }

    /// Tells a refusal, in the ledger first.
    async fn told(&self, refusal: KbsRefusal) -> Response {
        self.refuse_stranger(refusal).await.answer(self.strict())
    }

    fn with_session(&self, answer: Response, cookie: &str, seconds: u64) -> Response {
        let cookie = session::set_cookie(cookie, seconds, !self.settings.plain_http);
        match HeaderValue::try_from(cookie) {
            Ok(value) => {
                let mut answer = answer;
                answer.headers_mut().insert(SET_COOKIE, value);
                answer
            }
            Err(_) => KbsRefusal::INTERNAL.answer(self.strict()),
        }
    }

    /// The guest of a request: of its session, or of the token that it bears.
    async fn guest(&self, parts: &Parts) -> Result<Guest, KbsRefusal> {
        let now = self.cell().now();
        if let Some(cookie) = cookie(parts)
            && let Ok(guest) = self.sessions.open_attested(cookie, now)
        {
            return Ok(guest);
        }
        match admin::bearer(parts) {
            Some(token) => self.believe(token).await,
            None => Err(KbsRefusal::NO_TOKEN),
        }
    }

    /// The administrator of a request, and the institution whose resource it is about.
    /// Another institution's looks like none.
    fn administrator(
        &self,
        parts: &Parts,
        path: &ResourcePath,
    ) -> Result<(&Administrator, &Institution), KbsRefusal> {
        let administrator = admin::prove(&self.broker.administrators, parts, self.cell().now())?;
        let institution = self.institution_of(path);
        match institution.filter(|it| it.name == *administrator.institution()) {
            Some(institution) => Ok((administrator, institution)),
            None => Err(KbsRefusal::UNKNOWN),
        }
    }

    /// A further version: its line first, then the record, then the list.
    async fn set(
        &self,
        parts: &Parts,
        path: &ResourcePath,
        content: &[u8],
    ) -> Result<u32, KbsRefusal> {
        let (administrator, institution) = self.administrator(parts, path)?;
        if content.len() > RESOURCE_BYTES_MAX {
            return Err(KbsRefusal::TOO_LARGE);
        }
        for _ in 0..ATTEMPTS_MAX {
            let version = self.resources.next(&institution.name, path).await.map_err(stored)?;
            self.change(institution, path, version, "created", administrator).await?;
            let by = (self.cell().now(), administrator.name());
            match self.resources.add(&institution.name, path, version, content, by).await {
                Ok(()) => return Ok(version),
                Err(StoreError::Keep(KeepError::Conflict)) => {}
                Err(error) => return Err(stored(error)),
            }
        }
        Err(KbsRefusal::NOT_KEPT.caused_by(KeepError::Conflict.code()))
    }

    async fn delete(&self, parts: &Parts, path: &ResourcePath) -> Result<(), KbsRefusal> {
        let (administrator, institution) = self.administrator(parts, path)?;
        let found = self.resources.find(&institution.name, path, None).await;
        let found = found.map_err(KbsRefusal::kept)?.ok_or(KbsRefusal::UNKNOWN)?;
        self.change(institution, path, found.version(), "deleted", administrator).await?;
        self.resources.delete(&institution.name, path).await.map_err(stored)
    }

    async fn change(
        &self,
        institution: &Institution,
        path: &ResourcePath,
        version: u32,
        action: &'static str,
        by: &Administrator,
    ) -> Result<(), KbsRefusal> {
        let line = Event::ResourceChange {
            institution: institution.name.clone(),
            resource: Label::of(path),
            version,
            action: Label::code(action),
            by: by.name().clone(),
        };
        let written = self.cell().ledger().append(line).await;
        written.map(drop).map_err(|error| KbsRefusal::NOT_RECORDED.caused_by(error.code()))
    }
}

fn stored(error: StoreError) -> KbsRefusal {
    match error {
        StoreError::Keep(error) => KbsRefusal::kept(error),
        StoreError::Unknown => KbsRefusal::UNKNOWN,
        StoreError::Full => KbsRefusal::FULL,
    }
}

fn cookie(parts: &Parts) -> Option<&str> {
    let headers = parts.headers.get_all(COOKIE).iter();
    headers.filter_map(|value| value.to_str().ok()).find_map(session::of_header)
}

async fn auth(State(kbs): Shared, body: Bytes) -> Response {
    let request = serde_json::from_slice(&body).map_err(|_| KbsRefusal::MALFORMED);
    match request.and_then(|request| kbs.auth(&request)) {
        Ok((challenge, session)) => {
            kbs.with_session(Json(challenge).into_response(), &session, nonce::SECONDS)
        }
        Err(refusal) => kbs.told(refusal).await,
    }
}

async fn attest(State(kbs): Shared, parts: Parts, body: Bytes) -> Response {
    let outcome = match serde_json::from_slice(&body) {
        Ok(body) => kbs.attest(cookie(&parts), &body).await,
        Err(_) => Err(KbsRefusal::MALFORMED),
    };
    match outcome {
        Ok(attested) => {
            let answer = Json(wire::Token { token: attested.token }).into_response();
            kbs.with_session(answer, &attested.cookie, attested.seconds)
        }
        Err(refusal) => kbs.told(refusal).await,
    }
}

type Segments = Path<(String, String, String)>;

fn path(Path((repository, class, tag)): &Segments) -> Result<ResourcePath, KbsRefusal> {
    ResourcePath::new(repository, class, tag).ok_or(KbsRefusal::PATH)
}

/// `?version=N`; the latest without. Other parameters are refused rather than overlooked.
fn version(parts: &Parts) -> Result<Option<u32>, KbsRefusal> {
    let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) else { return Ok(None) };
    match query.split_once('=') {
        Some(("version", "latest")) => Ok(None),
        Some(("version", number)) => number.parse().map(Some).map_err(|_| KbsRefusal::PATH),
        _ => Err(KbsRefusal::PATH),
    }
}

async fn resource(State(kbs): Shared, segments: Segments, parts: Parts) -> Response {
    let asked = path(&segments).and_then(|path| Ok((path, version(&parts)?)));
    let (path, version) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return kbs.told(refusal).await,
    };
    let guest = match kbs.guest(&parts).await {
        Ok(guest) => guest,
        Err(refusal) => return kbs.told(refusal).await,
    };
    match kbs.resource(guest, path, version).await {
        Ok(jwe) => Json(jwe).into_response(),
        Err(refusal) => refusal.answer(kbs.strict()),
    }
}

#[derive(Serialize)]
struct Set {
    version: u32,
}

async fn set(State(kbs): Shared, segments: Segments, parts: Parts, body: Bytes) -> Response {
    let outcome = match path(&segments) {
        Ok(path) => kbs.set(&parts, &path, &body).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(version) => Json(Set { version }).into_response(),
        Err(refusal) => kbs.told(refusal).await,
    }
}

async fn delete(State(kbs): Shared, segments: Segments, parts: Parts) -> Response {
    let outcome = match path(&segments) {
        Ok(path) => kbs.delete(&parts, &path).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => kbs.told(refusal).await,
    }
}

/// The rules of the administrator's own institution.
async fn policy(State(kbs): Shared, parts: Parts) -> Response {
    let proved = admin::prove(&kbs.broker.administrators, &parts, kbs.cell().now());
    let administrator = match proved {
        Ok(administrator) => administrator,
        Err(refusal) => return kbs.told(refusal).await,
    };
    let own = kbs.institutions.iter().find(|it| it.name == *administrator.institution());
    match own {
        Some(own) => {
            ([(CONTENT_TYPE, "text/plain; charset=utf-8")], own.rules.clone()).into_response()
        }
        None => KbsRefusal::UNKNOWN.answer(kbs.strict()),
    }
}

/// `POST /kbs/v0/resource-policy`
#[derive(Deserialize)]
struct Proposal {
    policy: String,
}

/// Rules are not set here; whoever tries learns what is wrong with theirs.
async fn propose(State(kbs): Shared, parts: Parts, body: Bytes) -> Response {
    let proved = admin::prove(&kbs.broker.administrators, &parts, kbs.cell().now());
    let refusal = proved.err().unwrap_or_else(|| judged(&body));
    kbs.told(refusal).await
}

fn judged(body: &[u8]) -> KbsRefusal {
    let Ok(proposal) = serde_json::from_slice::<Proposal>(body) else {
        return KbsRefusal::MALFORMED;
    };
    let text = b64::decode(&proposal.policy).ok().and_then(|text| String::from_utf8(text).ok());
    let Some(text) = text else { return KbsRefusal::MALFORMED };
    if text.lines().any(|line| line.trim_start().starts_with("package ")) {
        return KbsRefusal::REGO;
    }
    match PolicyBook::load(&text, config::SCHEMA) {
        Ok(_) => KbsRefusal::GOVERNED,
        Err(error) => KbsRefusal::POLICY_MALFORMED.caused_by(error.code()),
    }
}

async fn no_plugin(State(kbs): Shared) -> Response {
    KbsRefusal::PLUGIN.answer(kbs.strict())
}
