//! `GET` and `POST /auth/authorize`: an application sends somebody here, who signs in with
//! password and code; or, from a session that there is, `POST /auth/approve`. The clinic's.
//! Nothing is sent to an address that was not registered, and no challenge means no code.

use std::sync::Arc;

use autoclave_base::Secret;
use autoclave_cell::{Entropy, Refusal};
use autoclave_record::{Behalf, Scopes, Word};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OAuthError, base, consent, page};
use crate::Clinic;
use crate::auth::account::Claim;
use crate::http::caller::Caller;
use crate::http::session::{self, Attempt};
use crate::permit::Actor;
use crate::smart::form::{Fields, encoded};
use crate::smart::{Bearer, Client, ClientKind, Holder, Pending};

/// Bytes of a challenge: SHA-256 in base64url.
const CHALLENGE_BYTES: usize = 43;

const MALFORMED: Refusal = Refusal::bad_request(
    "request.malformed",
    "The request is not JSON of the members that this route takes.",
);
const NOT_SHOWN: Refusal =
    Refusal::bad_request("smart.request", "The application's request is refused.");

/// What an application asks for, checked.
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) state: String,
    pub(super) scopes: Scopes,
    pub(super) challenge: String,
    pub(super) launch: Option<String>,
}

/// Whom a refusal is told: the person here, or the application at its address.
pub(super) enum AskRefusal {
    Here(OAuthError),
    There { redirect_uri: String, state: Option<String>, error: OAuthError },
}

impl IntoResponse for AskRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::Here(error) => page::refusal(StatusCode::BAD_REQUEST, error.code),
            Self::There { redirect_uri, state, error } => {
                let said = [("error", error.error), ("error_description", error.code)];
                redirect(&redirect_uri, &said, state.as_deref())
            }
        }
    }
}

/// Sends a browser on; 303, so that nothing that was posted goes along.
pub(super) fn redirect(to: &str, said: &[(&str, &str)], state: Option<&str>) -> Response {
    match HeaderValue::from_str(&address(to, said, state)) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        Err(_) => page::refusal(StatusCode::BAD_REQUEST, "redirect.refused"),
    }
}

/// The application's address with an answer.
pub(super) fn address(to: &str, said: &[(&str, &str)], state: Option<&str>) -> String {
    let all = said.iter().copied().chain(state.map(|state| ("state", state)));
    let query: Vec<_> = all.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if query.is_empty() {
        return to.to_owned();
    }
    let separator = if to.contains('?') { '&' } else { '?' };
    format!("{to}{separator}{}", query.join("&"))
}

impl Asked {
    /// Whether the person has to choose a patient.
    pub(super) fn wants_patient(&self) -> bool {
        self.scopes.is_confined() || self.scopes.has(Word::LaunchPatient)
    }

    /// Reads and checks a request.
    pub(super) fn read(clinic: &Clinic, query: &str) -> Result<Self, AskRefusal> {
        let here = |code| AskRefusal::Here(OAuthError::request(code));
        let fields = Fields::parse(query).ok_or(here("request.malformed"))?;
        let client = fields.get("client_id").and_then(|id| clinic.smart.client(id));
        let client = client.filter(|client| client.kind != ClientKind::Service);
        let client = client.ok_or(here("client.unknown"))?;
        let redirect_uri = fields.get("redirect_uri").ok_or(here("redirect.missing"))?;
        if !client.redirect_uris.iter().any(|known| known == redirect_uri) {
            return Err(here("redirect.not_registered"));
        }
        Self::checked(clinic, client, &fields).map_err(|error| AskRefusal::There {
            redirect_uri: redirect_uri.to_owned(),
            state: fields.get("state").map(str::to_owned),
            error,
        })
    }

    fn checked(clinic: &Clinic, client: &Client, fields: &Fields) -> Result<Self, OAuthError> {
        let need = |name, code| fields.get(name).ok_or(OAuthError::request(code));
        if need("response_type", "response_type.missing")? != "code" {
            return Err(OAuthError::new("unsupported_response_type", "response_type.unknown"));
        }
        let state = need("state", "state.missing")?;
        let fhir = format!("{}/fhir", base(clinic)?);
        if need("aud", "aud.missing")?.trim_end_matches('/') != fhir {
            return Err(OAuthError::request("aud.refused"));
        }
        let challenge = need("code_challenge", "challenge.missing")?;
        let method = fields.get("code_challenge_method");
        if method != Some("S256") || challenge.len() != CHALLENGE_BYTES {
            return Err(OAuthError::request("challenge.not_s256"));
        }
        let asked = super::token::scopes(need("scope", "scope.missing")?)?;
        let scopes = asked.within(&client.scopes);
        if scopes.is_empty() || !scopes.only_for(&[Behalf::Patient, Behalf::User]) {
            return Err(OAuthError::scope("scope.not_registered"));
        }
        let launch = fields.get("launch").map(str::to_owned);
        if scopes.has(Word::Launch) && launch.is_none() {
            return Err(OAuthError::request("launch.missing"));
        }
        Ok(Self {
            client: client.clone(),
            redirect_uri: fields.get("redirect_uri").unwrap_or_default().to_owned(),
            state: state.to_owned(),
            scopes,
            challenge: challenge.to_owned(),
            launch,
        })
    }
}

/// `GET /auth/authorize`
pub(super) async fn ask(
    State(clinic): State<Arc<Clinic>>,
    RawQuery(query): RawQuery,
) -> Result<Response, AskRefusal> {
    let query = query.unwrap_or_default();
    let asked = Asked::read(&clinic, &query)?;
    Ok(page::sign_in(&asked.client, &query, None))
}

/// `POST /auth/authorize`: an application's request by form, or somebody who signs in.
pub(super) async fn sign_in(
    State(clinic): State<Arc<Clinic>>,
    body: Bytes,
) -> Result<Response, AskRefusal> {
    let here = |code| AskRefusal::Here(OAuthError::request(code));
    let fields = Fields::of_body(&body).ok_or(here("request.malformed"))?;
    let Some(query) = fields.get("asked") else {
        let query = String::from_utf8(body.to_vec()).map_err(|_| here("request.malformed"))?;
        let asked = Asked::read(&clinic, &query)?;
        return Ok(page::sign_in(&asked.client, &query, None));
    };
    let asked = Asked::read(&clinic, query)?;
    let field = |name| fields.get(name).unwrap_or_default().to_owned();
    let claim = Claim { password: Secret::new(field("password")), code: field("totp") };
    let failed = |refusal: Refusal| AskRefusal::Here(refusal.into());
    let known = match session::attempt(&clinic, &field("user"), claim).await.map_err(failed)? {
        Attempt::Known(known, name) => {
            session::used_up(&clinic, known, name).await.map_err(failed)?
        }
        Attempt::Paused(_) => {
            let said = "Too many attempts for this name; wait a while.";
            return Ok(page::sign_in(&asked.client, query, Some(said)));
        }
        Attempt::Refused => None,
    };
    let Some(known) = known else {
        let said = "Name, password or code is wrong.";
        return Ok(page::sign_in(&asked.client, query, Some(said)));
    };
    let holder = Holder::Staff { id: known.id, role: known.role };
    let pending = Pending { holder, asked: query.to_owned() };
    let token = Bearer::random(&mut Entropy);
    if !clinic.smart.keep_pending(&token, pending, clinic.now()) {
        return Err(AskRefusal::Here(OAuthError::busy()));
    }
    Ok(consent::question(&clinic, &asked, holder, token).await)
}

/// `{"request", "patient"?}`: the query of `/auth/authorize`, and whom it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    request: String,
    patient: Option<String>,
}

/// `POST /auth/approve`, in a session: `{"redirect_to"}`. The record system's own page asked
/// its user before it calls this.
pub(super) async fn approve(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    body: Result<Json<Approval>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(Approval { request, patient }) = body.map_err(|_| MALFORMED)?;
    let Actor::Staff { id, role } = caller.actor else { return Err(NOT_SHOWN) };
    let asked = Asked::read(&clinic, &request).map_err(|refusal| match refusal {
        AskRefusal::Here(error) | AskRefusal::There { error, .. } => {
            NOT_SHOWN.caused_by(error.code)
        }
    })?;
    let to = consent::allow(&clinic, &asked, Holder::Staff { id, role }, patient).await;
    let to = to.map_err(|error| NOT_SHOWN.caused_by(error.code))?;
    Ok(Json(json!({"redirect_to": to})))
}
