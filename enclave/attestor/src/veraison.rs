//! Veraison's challenge-response sessions: a nonce, evidence over it, an EAR. It belongs to
//! attesters that speak that protocol. A session takes evidence once and ends after some
//! minutes; a nonce is spent by the first evidence, whether that verifies or not.

mod evidence;
mod sessions;

use std::sync::Arc;

use autoclave_attest::appraise::POLICY_ID;
use autoclave_attest::evidence::Verified;
use autoclave_attest::runtime::ReportData;
use autoclave_attest::token::{TOKEN_LIFE_SECONDS, UNKNOWN_WORKLOAD};
use autoclave_base::b64;
use autoclave_cell::Refusal;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::foreign::{FOREIGN_BYTES_MAX, Judged};
use crate::refusal;
use crate::service::Attestor;
use evidence::MEDIA_TYPES;
use sessions::Session;

pub(crate) use sessions::Sessions;

/// The media type of a session.
const SESSION_TYPE: &str = "application/vnd.veraison.challenge-response-session+json";
/// The media type of the discovery document.
const DISCOVERY_TYPE: &str = "application/vnd.veraison.discovery+json";
/// `eat_profile` of Veraison's results.
const PROFILE: &str = "tag:github.com,2023:veraison/ear";

const NEW_SESSION_PATH: &str = "/challenge-response/v1/newSession";
const SESSION_PATH: &str = "/challenge-response/v1/session/{id}";

/// The operation in the ledger and in metrics.
const OPERATION: &str = "session";

/// Nonces that a session may have, in bytes.
const NONCE_BYTES: std::ops::RangeInclusive<usize> = 8..=64;
/// Bytes of a nonce where nobody says how many.
const NONCE_BYTES_DEFAULT: usize = 32;

const NOT_ACCEPTABLE: Refusal = Refusal::new(
    StatusCode::NOT_ACCEPTABLE,
    "session.not_acceptable",
    "The answer is of the type application/vnd.veraison.challenge-response-session+json.",
);
const NONCE: Refusal = Refusal::bad_request(
    "session.nonce",
    "A session has one of nonce and nonceSize, of 8 to 64 bytes.",
);
const MEDIA_TYPE: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "session.media_type",
    "This type of evidence is not accepted in this session.",
);
const NONCE_BINDING: Refusal = Refusal::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "evidence.report_data",
    "The evidence does not vouch for the nonce of this session.",
);

type Shared = State<Arc<Attestor>>;

pub(crate) fn routes() -> Router<Arc<Attestor>> {
    Router::new()
        .route(NEW_SESSION_PATH, post(new_session))
        .route(SESSION_PATH, get(read).post(submit).delete(end))
        .route("/.well-known/veraison/verification", get(discovery))
        .layer(DefaultBodyLimit::max(FOREIGN_BYTES_MAX))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    nonce: Option<String>,
    nonce_size: Option<usize>,
}

async fn discovery(State(attestor): Shared) -> impl IntoResponse {
    let in_use = attestor.keys.in_use();
    let key = autoclave_attest::jwk::Jwk::signing(in_use.ring.current().verifying_key());
    let document = json!({
        "ear-verification-key": key,
        "media-types": MEDIA_TYPES,
        "version": attestor.build(),
        "service-state": "READY",
        "api-endpoints": {"newChallengeResponseSession": NEW_SESSION_PATH},
    });
    ([(CONTENT_TYPE, DISCOVERY_TYPE)], document.to_string())
}

async fn new_session(
    State(attestor): Shared,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    acceptable(&headers)?;
    let Query(wanted) = wanted.map_err(|_| NONCE)?;
    let nonce = match (wanted.nonce, wanted.nonce_size) {
        (Some(nonce), None) => given(&nonce).ok_or(NONCE)?,
        (None, size) => attestor.fresh_nonce(size.unwrap_or(NONCE_BYTES_DEFAULT)).ok_or(NONCE)?,
        (Some(_), Some(_)) => return Err(NONCE),
    };
    let now = attestor.cell().now();
    let id = attestor.random_hex();
    let session = attestor.sessions().begin(id.clone(), nonce, now)?;
    let location = format!("session/{id}");
    Ok(answer(StatusCode::CREATED, &session.to_json(None), Some(location)))
}

async fn read(
    State(attestor): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    acceptable(&headers)?;
    let session = attestor.sessions().read(&id, attestor.cell().now())?;
    Ok(answer(StatusCode::OK, &session.to_json(None), None))
}

async fn end(State(attestor): Shared, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    attestor.sessions().end(&id, attestor.cell().now())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn submit(
    State(attestor): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    acceptable(&headers)?;
    let kind = header(&headers, &CONTENT_TYPE).unwrap_or_default().to_owned();
    let outcome = attestor.complete(&id, &kind, &body).await;
    let session = attestor.conclude(OPERATION, outcome).await?;
    let evidence = json!({"type": kind, "value": STANDARD.encode(&body)});
    Ok(answer(StatusCode::OK, &session.to_json(Some(evidence)), None))
}

impl Attestor {
    /// Evidence for a session; it has no second try.
    async fn complete(&self, id: &str, kind: &str, body: &[u8]) -> Result<Session, Refusal> {
        let now = self.cell().now();
        if !evidence::is_known(kind) {
            return Err(MEDIA_TYPE);
        }
        let nonce = self.sessions().take(id, now)?;
        let outcome = self.result(&nonce, kind, body).await;
        self.sessions().finish(id, outcome.as_ref().ok().cloned(), now)?;
        outcome?;
        self.sessions().read(id, now)
    }

    async fn result(&self, nonce: &[u8], kind: &str, body: &[u8]) -> Result<String, Refusal> {
        let evidence = evidence::read(kind, body)?;
        let unbound = self.verify_foreign(&evidence)?;
        let report_data: ReportData = *unbound.report_data();
        let mut expected: ReportData = [0; 64];
        expected.get_mut(..nonce.len()).ok_or(NONCE)?.copy_from_slice(nonce);
        if !bool::from(expected[..].ct_eq(&report_data[..])) {
            return Err(NONCE_BINDING);
        }
        let verified: Verified = unbound.bind(&expected).map_err(refusal::of_evidence)?;
        let judged = self.judge(verified)?;
        let token = self.sign(&self.ear(&judged, nonce))?;
        self.record(&judged, &token).await?;
        Ok(token)
    }

    fn ear(&self, judged: &Judged, nonce: &[u8]) -> Value {
        let (claims, appraisal) = (judged.verified.claims(), &judged.appraisal);
        let now = self.cell().now();
        let workload = appraisal.workload.as_ref().map(ToString::to_string);
        let kind = claims.kind.as_str();
        json!({
            "iss": self.issuer(),
            "sub": workload.unwrap_or_else(|| UNKNOWN_WORKLOAD.to_owned()),
            "iat": now, "nbf": now, "exp": now.plus(TOKEN_LIFE_SECONDS),
            "jti": self.random_id(),
            "eat_profile": PROFILE,
            "eat_nonce": b64::encode(nonce),
            "ear.verifier-id": {"developer": "autoclave", "build": self.build()},
            "submods": {kind: {
                "ear.status": appraisal.status,
                "ear.trustworthiness-vector": appraisal.vector,
                "ear.appraisal-policy-id": POLICY_ID,
                "ear.veraison.annotated-evidence": claims,
            }},
            "hw_backed": claims.hw_backed,
            "measurement": claims.measurement,
            "dbgstat": if claims.debug { "enabled" } else { "disabled" },
            "x-ms-policy-hash": b64::encode(appraisal.policy.bytes()),
        })
    }

    /// A nonce that reads the same in both alphabets of base64: some clients know the one,
    /// some the other.
    fn fresh_nonce(&self, bytes: usize) -> Option<Vec<u8>> {
        if !NONCE_BYTES.contains(&bytes) {
            return None;
        }
        loop {
            let mut nonce = vec![0; bytes];
            rand::Rng::fill_bytes(&mut self.cell().rng(), &mut nonce);
            if !STANDARD.encode(&nonce).contains(['+', '/']) {
                return Some(nonce);
            }
        }
    }

    fn random_hex(&self) -> String {
        let mut bytes = [0; 16];
        rand::Rng::fill_bytes(&mut self.cell().rng(), &mut bytes);
        autoclave_base::HexBytes::of(bytes).to_string()
    }
}

/// A nonce that the client chose, in base64url with or without padding.
fn given(text: &str) -> Option<Vec<u8>> {
    let nonce = b64::decode(text.trim_end_matches('=')).ok()?;
    NONCE_BYTES.contains(&nonce.len()).then_some(nonce)
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A client that does not say that it knows sessions gets none.
fn acceptable(headers: &HeaderMap) -> Result<(), Refusal> {
    let accepted = header(headers, &ACCEPT).unwrap_or_default();
    let fits = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        ["*/*", "application/*", SESSION_TYPE].iter().any(|known| range.eq_ignore_ascii_case(known))
    };
    if accepted.split(',').any(fits) { Ok(()) } else { Err(NOT_ACCEPTABLE) }
}

fn answer(status: StatusCode, body: &Value, location: Option<String>) -> Response {
    let body = body.to_string();
    let mut response = (status, [(CONTENT_TYPE, SESSION_TYPE)], body).into_response();
    if let Some(location) = location.and_then(|text| text.try_into().ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
