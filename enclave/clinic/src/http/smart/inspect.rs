//! `POST /auth/introspect` (RFC 7662) and `POST /auth/revoke` (RFC 7009), for applications that
//! prove who they are. The clinic's. A token of somebody else is revoked by nobody, and what
//! is unknown looks like what is over.

use std::sync::Arc;

use autoclave_base::Digest;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{OAuthError, authenticated, json_answer, line};
use crate::Clinic;
use crate::smart::form::Fields;
use crate::smart::{Access, Bearer, ClientKind, Grant, Holder};

/// What a token is, to a registered application with a key.
pub(super) async fn introspect(
    State(clinic): State<Arc<Clinic>>,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let (fields, token) = asked(&body)?;
    let client = authenticated(&clinic, &fields).await?;
    if client.kind == ClientKind::Public {
        return Err(OAuthError::new("unauthorized_client", "client.unproved"));
    }
    let now = clinic.now();
    let access = clinic.smart.access().get(&token, now).cloned();
    let said = match access {
        Some(access) => active(&clinic, &access),
        None => match clinic.with_store(move |store| store.refresh(&token, now)).await? {
            Some(refresh) => {
                let mut said = about(&refresh.grant);
                said["exp"] = json!(refresh.expires_at.seconds());
                said
            }
            None => json!({"active": false}),
        },
    };
    Ok(json_answer(StatusCode::OK, &said))
}

fn asked(body: &[u8]) -> Result<(Fields, Digest), OAuthError> {
    let fields = Fields::of_body(body).ok_or(OAuthError::request("request.malformed"))?;
    let token = fields.get("token").ok_or(OAuthError::request("token.missing"))?;
    let token = Bearer::digest_of(token);
    Ok((fields, token))
}

fn active(clinic: &Clinic, access: &Access) -> Value {
    let mut said = about(&access.grant);
    said["exp"] = json!(access.expires_at.seconds());
    said["iat"] = json!(access.issued_at.seconds());
    said["token_type"] = json!(if access.jkt.is_some() { "DPoP" } else { "Bearer" });
    if let Some(jkt) = access.jkt {
        said["cnf"] = json!({"jkt": jkt.to_string()});
    }
    if let Some(base) = clinic.smart.base() {
        said["iss"] = json!(format!("{base}/fhir"));
    }
    said
}

fn about(grant: &Grant) -> Value {
    let subject = match grant.holder {
        Holder::Staff { id, .. } => id.to_string(),
        Holder::Application => grant.client.clone(),
    };
    let mut said = json!({
        "active": true, "scope": grant.scopes.to_string(), "client_id": grant.client,
        "sub": subject,
    });
    if let Some(patient) = &grant.patient {
        said["patient"] = json!(patient);
    }
    said
}

/// Ends a token of the application that asks, and all that come from the same consent.
pub(super) async fn revoke(
    State(clinic): State<Arc<Clinic>>,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let (fields, token) = asked(&body)?;
    let client = authenticated(&clinic, &fields).await?;
    let now = clinic.now();
    let access = clinic.smart.access().get(&token, now).cloned();
    let access = access.filter(|access| access.grant.client == client.id);
    let id = client.id.clone();
    let family = match &access {
        Some(access) => access.family,
        None => clinic.with_store(move |store| store.refresh_family(&token, &id)).await?,
    };
    if let Some(access) = &access {
        clinic.smart.access().forget(|other| Arc::ptr_eq(&other.grant, &access.grant));
        line(&clinic, &access.grant, "revoke").await?;
    }
    if let Some(family) = family {
        clinic.smart.access().forget(|access| access.family == Some(family));
        clinic.with_store(move |store| store.end_refresh(&family)).await?;
    }
    Ok(StatusCode::OK.into_response())
}
