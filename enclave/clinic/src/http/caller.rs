//! Who asks and why, from a request's head: session and proof of possession, purpose of
//! use. The clinic's. An unknown session, another client's session and one that is over
//! look the same.

use std::sync::Arc;

use autoclave_attest::dpop::{self, DpopRefusal, Facts, ProvedKey};
use autoclave_attest::jwk::Thumbprint;
use autoclave_base::Digest;
use autoclave_cell::Refusal;
use autoclave_record::Purpose;
use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

use crate::Clinic;
use crate::auth::session::{Age, SessionToken, age};
use crate::permit::Actor;
use crate::store::SessionRow;

const NO_SESSION: Refusal =
    Refusal::unauthenticated("session.missing", "Sign in first: the request has no session.");
const SESSION_REFUSED: Refusal =
    Refusal::unauthenticated("session.refused", "The session is over, or is not this client's.");
const NOT_ADMINISTRATOR: Refusal =
    Refusal::unauthenticated("administrator.unknown_key", "The key is not a site administrator's.");
const NO_PURPOSE: Refusal =
    Refusal::bad_request("purpose.missing", "The header purpose-of-use is missing or unknown.");

/// The one value of a header; two are none.
pub(super) fn only<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut all = parts.headers.get_all(name).iter();
    let (first, second) = (all.next()?, all.next());
    second.is_none().then(|| first.to_str().ok()).flatten()
}

/// Verifies the proof of possession that a request brings: over the path, as our own clients
/// sign it, or over the whole address, as RFC 9449 has it.
pub(super) fn prove(
    parts: &Parts,
    clinic: &Clinic,
    session: Option<&str>,
) -> Result<ProvedKey, Refusal> {
    let (header, method) = (only(parts, dpop::HEADER), parts.method.as_str());
    let facts = Facts { method, path: parts.uri.path(), session };
    let proved = match (clinic.prove(header, facts), clinic.smart.base()) {
        // Nothing was noted of a proof that was refused.
        (Err(DpopRefusal::Target), Some(base)) => {
            let address = format!("{base}{}", parts.uri.path());
            clinic.prove(header, Facts { path: &address, ..facts })
        }
        (proved, _) => proved,
    };
    proved.map_err(|refusal| match refusal {
        DpopRefusal::Busy => Refusal::unavailable(refusal.code(), "Too many requests at once."),
        _ => Refusal::unauthenticated(refusal.code(), "The proof of possession does not hold."),
    })
}

/// The key that the client proved to hold, without a session.
pub(super) struct Proved(pub(super) Thumbprint);

impl FromRequestParts<Arc<Clinic>> for Proved {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, clinic: &Arc<Clinic>) -> Result<Self, Refusal> {
        prove(parts, clinic, None).map(|key| Self(key.jkt()))
    }
}

/// A member of staff in a session, at the client that signed in.
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) session: Digest,
}

impl FromRequestParts<Arc<Clinic>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, clinic: &Arc<Clinic>) -> Result<Self, Refusal> {
        let header = only(parts, header::AUTHORIZATION.as_str()).ok_or(NO_SESSION)?;
        let token = SessionToken::from_header(header).ok_or(NO_SESSION)?;
        let key = prove(parts, clinic, Some(token.expose()))?;
        let session = token.digest();
        let row = look_up(clinic, session).await?.ok_or(SESSION_REFUSED)?;
        if row.jkt != key.jkt().to_string() {
            return Err(SESSION_REFUSED);
        }
        Ok(Self { actor: Actor::Staff { id: row.staff, role: row.role }, session })
    }
}

/// The session, if it counts now. A copy is believed while it is fresh; whatever else is to
/// be said of a session, its end and its use, the database says.
async fn look_up(clinic: &Arc<Clinic>, session: Digest) -> Result<Option<SessionRow>, Refusal> {
    let generation = clinic.store.generations().of(&session);
    let (copy, now) = (clinic.cached_session(&generation).await, clinic.now());
    let is_fresh = |row: &SessionRow| age(row.expires_at, row.used_at, now) == Age::Fresh;
    if let Some(row) = copy.filter(is_fresh) {
        return Ok(Some(row));
    }
    let row = clinic.with_store(move |store| store.session(&session)).await?;
    let Some(mut row) = row else { return Ok(None) };
    match age(row.expires_at, row.used_at, now) {
        Age::Over => return Ok(None),
        Age::Touch => {
            clinic.with_store(move |store| store.touch_session(&session, now)).await?;
            row.used_at = now;
        }
        Age::Fresh => {}
    }
    clinic.cache_session(&generation, &row).await;
    Ok(Some(row))
}

/// Whoever may manage accounts: a configured key, or a site administrator's session.
pub(super) struct Administrator(pub(super) Actor);

impl FromRequestParts<Arc<Clinic>> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, clinic: &Arc<Clinic>) -> Result<Self, Refusal> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let caller = Caller::from_request_parts(parts, clinic).await?;
            return Ok(Self(caller.actor));
        }
        let Proved(key) = Proved::from_request_parts(parts, clinic).await?;
        if clinic.is_administrator(key) {
            Ok(Self(Actor::Administrator { key }))
        } else {
            Err(NOT_ADMINISTRATOR)
        }
    }
}

/// The purpose of use that the request states.
pub(super) struct Stated(pub(super) Purpose);

impl FromRequestParts<Arc<Clinic>> for Stated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Clinic>) -> Result<Self, Refusal> {
        let purpose = only(parts, "purpose-of-use").and_then(|code| code.parse().ok());
        purpose.map(Self).ok_or(NO_PURPOSE)
    }
}
