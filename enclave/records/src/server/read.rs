//! Read and vread, with their conditions.

use autoclave_fhir::Kind;
use http::{HeaderMap, StatusCode};

use super::caller::Action;
use super::fault::Fault;
use super::instant::http_seconds;
use super::message::FhirResponse;
use super::reply;
use super::session::Session;
use super::wanted::{header, version_tag};
use crate::store::{Stored, View};

/// Reads a resource, or one version of it.
pub(crate) fn read(
    session: &Session<'_>,
    kind: Kind,
    id: &str,
    version: Option<u32>,
    headers: &HeaderMap,
) -> Result<FhirResponse, Fault> {
    let store = session.server.store();
    let stored =
        store.read(session.caller.tenant, |view| found(session, view, kind, id, version))?;
    told(session, &stored, headers)
}

/// Tells a resource that was found, or that the client has it already.
pub(crate) fn told(
    session: &Session<'_>,
    stored: &Stored,
    headers: &HeaderMap,
) -> Result<FhirResponse, Fault> {
    session.note(Action::Read, Some(stored.kind), stored.owner);
    if is_known(stored, headers) {
        let mut answer = reply::json(StatusCode::NOT_MODIFIED, Vec::new(), &session.wanted);
        reply::versioned(&mut answer, stored);
        return Ok(answer);
    }
    reply::resource(stored, &session.wanted)
}

/// Finds a resource that this caller may read.
pub(crate) fn found(
    session: &Session<'_>,
    view: &mut View<'_>,
    kind: Kind,
    id: &str,
    version: Option<u32>,
) -> Result<Stored, Fault> {
    let fence = session.permit(Action::Read, Some(kind))?;
    let stored = match version {
        Some(version) => view.version(kind, id, version)?,
        None => view.get(kind, id)?,
    };
    let stored = stored.ok_or_else(Fault::not_found)?;
    match (session.shows_stored(view, &fence, &stored)?, &stored.document) {
        (true, Some(_)) => Ok(stored),
        (true, None) => Err(reply::gone()),
        (false, _) => Err(Fault::not_found()),
    }
}

/// Whether the client has this version already; `If-None-Match` decides where both are sent.
fn is_known(stored: &Stored, headers: &HeaderMap) -> bool {
    if let Some(tags) = header(headers, "if-none-match") {
        return tags.trim() == "*"
            || tags.split(',').any(|tag| version_tag(tag) == Some(stored.version));
    }
    header(headers, "if-modified-since")
        .and_then(http_seconds)
        .is_some_and(|since| stored.updated.div_euclid(1000) <= since)
}
