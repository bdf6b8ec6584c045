//! The KBS protocol 0.4.0 from the guest's side: nonce, evidence, token, resource. The
//! guest's. What the service answers is believed in nothing: a resource opens under the
//! guest's key or not at all.

use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::runtime::ReportData;
use autoclave_base::{Secret, UnixTime, b64, jcs};
use autoclave_cell::{Cell, Refusal};
use autoclave_seal::jwe::{self, GuestKey, Jwe};
use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Settings;
use crate::quote;

/// Longest time for one question to the service, evidence included on its side.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(30);
/// Longest answer: a token, or a resource in base64.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A token is used until so long before its end.
const MARGIN_SECONDS: u64 = 30;

pub(crate) const NO_SERVICE: Refusal =
    Refusal::unavailable("guest.no_service", "The key broker service does not answer.");
pub(crate) const REFUSED: Refusal =
    Refusal::forbidden("guest.refused", "The key broker service refuses.");
const UNOPENED: Refusal =
    Refusal::forbidden("guest.unopened", "The resource does not open under the guest's key.");
const KIND: Refusal =
    Refusal::unavailable("guest.kind", "This kind of TEE has no evidence of that form.");

/// The guest with its key and token.
pub(crate) struct Client {
    cell: Arc<Cell>,
    settings: Settings,
    http: HttpClient<HttpConnector, Body>,
    attested: Mutex<Option<Arc<Attested>>>,
}

/// A token and the key that it binds.
pub(crate) struct Attested {
    pub(crate) token: String,
    pub(crate) key: GuestKey,
    until: UnixTime,
}

#[derive(Deserialize)]
struct Challenge {
    nonce: String,
    #[serde(default, rename = "extra-params")]
    extra_params: Value,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: UnixTime,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    pub(crate) fn new(cell: Arc<Cell>, settings: Settings) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { cell, settings, http, attested: Mutex::default() }
    }

    /// How the service names this kind of TEE.
    pub(crate) fn tee(&self) -> &'static str {
        self.cell.tee().as_str()
    }

    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    /// Evidence over report data, in the service's form.
    pub(crate) async fn evidence(&self, report_data: ReportData) -> Result<Value, Refusal> {
        quote::of(&self.cell.quote(report_data).await?).ok_or(KIND)
    }

    /// A living token with its key; the one from before, if it lasts.
    pub(crate) async fn attested(&self) -> Result<Arc<Attested>, Refusal> {
        let mut attested = self.attested.lock().await;
        let now = self.cell.now();
        if let Some(living) = attested.as_ref().filter(|it| now < it.until) {
            return Ok(living.clone());
        }
        Ok(attested.insert(Arc::new(self.handshake().await?)).clone())
    }

    /// A resource, in clear. A token that the service does not take any more is replaced,
    /// once.
    pub(crate) async fn resource(&self, path: &str) -> Result<Secret<Vec<u8>>, Refusal> {
        let path = format!("/kbs/v0/resource/{path}");
        let mut attested = self.attested().await?;
        let mut answer = self.ask(Method::GET, &path, Some(bearer(&attested)), None).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.forget(&attested).await;
            attested = self.attested().await?;
            answer = self.ask(Method::GET, &path, Some(bearer(&attested)), None).await?;
        }
        if answer.status != StatusCode::OK {
            return Err(REFUSED);
        }
        let jwe: Jwe = serde_json::from_slice(&answer.body).map_err(|_| UNOPENED)?;
        jwe::open(&jwe, &attested.key).map_err(|refusal| UNOPENED.caused_by(refusal.code()))
    }

    async fn forget(&self, old: &Arc<Attested>) {
        let mut attested = self.attested.lock().await;
        attested.take_if(|it| Arc::ptr_eq(it, old));
    }

    /// Nonce, evidence, token.
    async fn handshake(&self) -> Result<Attested, Refusal> {
        let hashes = json!({ "supported-hash-algorithms": ["sha256", "sha384", "sha512"] });
        let request = json!({ "version": "0.4.0", "tee": self.tee(), "extra-params": hashes });
        let answer = self.ask(Method::POST, "/kbs/v0/auth", None, Some(&request)).await?;
        let challenge: Challenge = parsed(&answer)?;
        let session = session(&answer.headers);
        let key = GuestKey::generate(&mut self.cell.rng());
        let public = json!(key.public());
        let runtime = json!({ "nonce": challenge.nonce, "tee-pubkey": public });
        let mut bound = runtime.clone();
        bound["additional-evidence"] = json!("");
        let evidence = self.evidence(challenge.report_data(&bound).ok_or(REFUSED)?).await?;
        let body = json!({
            "init-data": null,
            "runtime-data": runtime,
            "tee-evidence": { "primary_evidence": evidence, "additional_evidence": "" },
        });
        let answer = self.ask(Method::POST, "/kbs/v0/attest", session, Some(&body)).await?;
        let Token { token } = parsed(&answer)?;
        let until = ends(&token).ok_or(REFUSED)?.minus(MARGIN_SECONDS);
        Ok(Attested { token, key, until })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        credential: Option<(header::HeaderName, String)>,
        json: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let base = self.settings.guest.kbs.trim_end_matches('/');
        let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
        if let Some((name, value)) = credential {
            request = request.header(name, value);
        }
        let body = match json {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(|_| REFUSED)?;
        let exchange = async {
            let answer = self.http.request(request).await.map_err(|_| NO_SERVICE)?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|_| NO_SERVICE)?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        timeout(ANSWER_SECONDS_MAX, exchange).await.map_err(|_| NO_SERVICE)?
    }
}

impl Challenge {
    /// The digest that the service chose, left-aligned.
    fn report_data(&self, bound: &Value) -> Option<ReportData> {
        let bound = jcs::to_vec(bound).ok()?;
        let digest = match self.extra_params["selected-hash-algorithm"].as_str() {
            Some("sha256") => Sha256::digest(bound).to_vec(),
            Some("sha384") | None => Sha384::digest(bound).to_vec(),
            Some("sha512") => Sha512::digest(bound).to_vec(),
            Some(_) => return None,
        };
        let mut report_data = [0; 64];
        report_data.get_mut(..digest.len())?.copy_from_slice(&digest);
        Some(report_data)
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Result<T, Refusal> {
    if answer.status != StatusCode::OK {
        return Err(REFUSED);
    }
    serde_json::from_slice(&answer.body).map_err(|_| REFUSED)
}

fn bearer(attested: &Attested) -> (header::HeaderName, String) {
    (header::AUTHORIZATION, format!("Bearer {}", attested.token))
}

/// The session as it is sent back: name and value, without the attributes.
fn session(headers: &HeaderMap) -> Option<(header::HeaderName, String)> {
    let set = headers.get(header::SET_COOKIE)?.to_str().ok()?;
    Some((header::COOKIE, set.split(';').next()?.trim().to_owned()))
}

/// When a token ends. It is the service's to believe; the guest merely asks in time.
fn ends(token: &str) -> Option<UnixTime> {
    let payload = b64::decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.exp)
}
