//! `POST /auth/token`: a code, a refresh token or an application's own key for an access
//! token. The clinic's. A line is on the disk before a token leaves; a code and a refresh
//! token count once.

use std::sync::Arc;

use autoclave_attest::jwk::Thumbprint;
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::{Entropy, Refusal};
use autoclave_record::{Behalf, Scopes, Word};
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;

use super::{OAuthError, authenticated, json_answer, line};
use crate::Clinic;
use crate::auth::session::SESSION_SECONDS;
use crate::http::caller;
use crate::smart::form::Fields;
use crate::smart::{ACCESS_SECONDS, Access, Bearer, Client, ClientKind, Grant, Holder, proves};
use crate::store::Refresh;

/// How long an application may act for somebody who is away: a month without a new consent.
const OFFLINE_SECONDS: u64 = 30 * 24 * 3600;

/// A grant that is about to become an access token.
struct Granted {
    grant: Grant,
    jkt: Option<Thumbprint>,
    refresh: Option<(Bearer, Digest)>,
}

/// Issues tokens.
pub(super) async fn token(
    State(clinic): State<Arc<Clinic>>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let fields = Fields::of_body(&body).ok_or(OAuthError::request("request.malformed"))?;
    let kind = fields.get("grant_type").ok_or(OAuthError::request("grant_type.missing"))?;
    let client = authenticated(&clinic, &fields).await?;
    let jkt = proved(&clinic, &parts)?;
    let granted = match kind {
        "client_credentials" => for_itself(client, &fields, jkt)?,
        "authorization_code" => by_code(&clinic, client, &fields, jkt).await?,
        "refresh_token" => by_refresh(&clinic, client, &fields, jkt).await?,
        _ => return Err(OAuthError::new("unsupported_grant_type", "grant_type.unknown")),
    };
    line(&clinic, &granted.grant, "token").await?;
    answer(&clinic, granted)
}

/// The key that the application proves to hold, where it sends a proof (RFC 9449).
fn proved(clinic: &Clinic, parts: &Parts) -> Result<Option<Thumbprint>, OAuthError> {
    if !parts.headers.contains_key(autoclave_attest::dpop::HEADER) {
        return Ok(None);
    }
    let key = caller::prove(parts, clinic, None);
    let key = key.map_err(|_| OAuthError::new("invalid_dpop_proof", "dpop.refused"))?;
    Ok(Some(key.jkt()))
}

/// SMART Backend Services.
fn for_itself(
    client: &Client,
    fields: &Fields,
    jkt: Option<Thumbprint>,
) -> Result<Granted, OAuthError> {
    if client.kind != ClientKind::Service {
        return Err(OAuthError::new("unauthorized_client", "client.not_a_service"));
    }
    let asked = fields.get("scope").ok_or(OAuthError::scope("scope.missing"))?;
    let asked = scopes(asked)?;
    if !asked.only_for(&[Behalf::System]) {
        return Err(OAuthError::scope("scope.not_system"));
    }
    let scopes = asked.within(&client.scopes);
    if scopes.is_empty() {
        return Err(OAuthError::scope("scope.not_registered"));
    }
    let (holder, patient) = (Holder::Application, None);
    let grant =
        Grant { client: client.id.clone(), holder, scopes, patient, purpose: client.purpose };
    Ok(Granted { grant, jkt, refresh: None })
}

pub(super) fn scopes(text: &str) -> Result<Scopes, OAuthError> {
    Scopes::parse(text).map_err(|refusal| OAuthError::scope(refusal.code()))
}

async fn by_code(
    clinic: &Arc<Clinic>,
    client: &Client,
    fields: &Fields,
    jkt: Option<Thumbprint>,
) -> Result<Granted, OAuthError> {
    let refused = OAuthError::grant("code.refused");
    let code = fields.get("code").ok_or(OAuthError::request("code.missing"))?;
    let code = clinic.smart.take_code(code, clinic.now()).ok_or(refused)?;
    let verifier = fields.get("code_verifier").ok_or(OAuthError::grant("code.verifier"))?;
    let is_theirs = code.grant.client == client.id
        && fields.get("redirect_uri") == Some(code.redirect_uri.as_str());
    if !is_theirs {
        return Err(refused);
    }
    if !proves(verifier, &code.challenge) {
        return Err(OAuthError::grant("code.verifier"));
    }
    let family =
        Digest::of_parts(&[b"smart family", Bearer::random(&mut Entropy).digest().bytes()]);
    let refresh = keep_refresh(clinic, &code.grant, family, jkt, None).await?;
    Ok(Granted { grant: code.grant, jkt, refresh })
}

/// A refresh token for a grant that asks for one; it lasts until `end`, or anew.
async fn keep_refresh(
    clinic: &Arc<Clinic>,
    grant: &Grant,
    family: Digest,
    jkt: Option<Thumbprint>,
    end: Option<UnixTime>,
) -> Result<Option<(Bearer, Digest)>, Refusal> {
    let life = if grant.scopes.has(Word::Offline) {
        OFFLINE_SECONDS
    } else if grant.scopes.has(Word::Online) {
        SESSION_SECONDS
    } else {
        return Ok(None);
    };
    let token = Bearer::random(&mut Entropy);
    let digest = token.digest();
    let jkt = jkt.map(|jkt| jkt.to_string());
    let expires_at = end.unwrap_or_else(|| clinic.now().plus(life));
    let refresh = Refresh { grant: grant.clone(), family, jkt, expires_at };
    clinic.with_store(move |store| store.keep_refresh(&digest, &refresh)).await?;
    Ok(Some((token, family)))
}

async fn by_refresh(
    clinic: &Arc<Clinic>,
    client: &Client,
    fields: &Fields,
    jkt: Option<Thumbprint>,
) -> Result<Granted, OAuthError> {
    let refused = OAuthError::grant("refresh.refused");
    let token = fields.get("refresh_token").ok_or(OAuthError::request("refresh.missing"))?;
    let (token, now) = (Bearer::digest_of(token), clinic.now());
    let found = clinic.with_store(move |store| store.refresh(&token, now)).await?;
    // Another application, or another key, must not use up somebody's token.
    if let Some(found) = &found {
        let same_key = found.jkt.is_none() || found.jkt == jkt.map(|jkt| jkt.to_string());
        if found.grant.client != client.id || !same_key {
            return Err(refused);
        }
    }
    let used = clinic.with_store(move |store| store.use_refresh(&token, now)).await?;
    let Refresh { mut grant, family, expires_at, .. } = match used {
        Ok(refresh) => refresh,
        Err(family) => {
            if let Some(family) = family {
                clinic.smart.access().forget(|access| access.family == Some(family));
            }
            return Err(refused);
        }
    };
    let whole = grant.clone();
    if let Some(asked) = fields.get("scope") {
        grant.scopes = scopes(asked)?.within(&grant.scopes);
        if grant.scopes.is_empty() {
            return Err(OAuthError::scope("scope.not_granted"));
        }
    }
    let refresh = keep_refresh(clinic, &whole, family, jkt, Some(expires_at)).await?;
    Ok(Granted { grant, jkt, refresh })
}

fn answer(clinic: &Clinic, granted: Granted) -> Result<Response, OAuthError> {
    let Granted { grant, jkt, refresh } = granted;
    let (token, now) = (Bearer::random(&mut Entropy), clinic.now());
    let mut body = json!({
        "token_type": if jkt.is_some() { "DPoP" } else { "Bearer" },
        "expires_in": ACCESS_SECONDS,
        "scope": grant.scopes.to_string(),
    });
    if let Some(patient) = &grant.patient {
        body["patient"] = json!(patient);
        body["need_patient_banner"] = json!(true);
    }
    let family = refresh.as_ref().map(|(_, family)| *family);
    let expires_at = now.plus(ACCESS_SECONDS);
    let access = Access { grant: Arc::new(grant), jkt, family, issued_at: now, expires_at };
    if !clinic.smart.access().put(token.digest(), access, expires_at, now) {
        return Err(OAuthError::busy());
    }
    body["access_token"] = json!(token.into_text());
    if let Some((refresh, _)) = refresh {
        body["refresh_token"] = json!(refresh.into_text());
    }
    Ok(json_answer(StatusCode::OK, &body))
}
