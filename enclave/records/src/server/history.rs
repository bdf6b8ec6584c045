//! What was: the versions of a resource, of a type, of the whole system, newest first.

use autoclave_fhir::Kind;
use http::StatusCode;

use super::bundle::{Entry, EntryResponse, Head, Writer};
use super::caller::Action;
use super::fault::Fault;
use super::interaction::Over;
use super::message::FhirResponse;
use super::moment::span;
use super::paging::{Cursor, PageState, Paged};
use super::reply;
use super::session::Session;
use crate::store::{Cursor as Place, How, Past, Scope, Stored, View};

/// Versions on a page where the client says nothing.
const PAGE_DEFAULT: u32 = 50;
/// Versions on a page at most.
const PAGE_MAX: u32 = 1000;
/// Versions that one page may open to find those that the caller may see.
const OPENED_MAX: usize = 5_000;

/// What was asked.
struct Asked {
    since: Option<i64>,
    at: Option<(i64, i64)>,
    limit: u32,
}

/// Answers a history.
pub(crate) fn history(
    session: &Session<'_>,
    over: &Over,
    text: &str,
    pairs: &[(String, String)],
    cursor: Option<&Cursor>,
    self_url: String,
) -> Result<FhirResponse, Fault> {
    let kind = over.kind();
    let asked = asked(pairs)?;
    let store = session.server.store();
    let (versions, next) = store.read(session.caller.tenant, |view| {
        let versions = page(session, view, over, &asked, cursor)?;
        Ok::<_, Fault>(versions)
    })?;
    for stored in &versions {
        session.note(Action::History, kind, stored.owner);
    }
    let mut links = vec![("self", self_url)];
    if let Some(at) = next {
        let cursor = Cursor::Version(at.updated, at.row, at.version);
        let state = PageState::new(Paged::History, over, text, cursor, session.now);
        let sealed = session.server.pager().seal(session.caller, &state)?;
        links.push(("next", format!("{}?page={sealed}", session.base)));
    }
    let bundle = written(session, &versions, &links)?;
    Ok(reply::json(StatusCode::OK, bundle, &session.wanted))
}

fn asked(pairs: &[(String, String)]) -> Result<Asked, Fault> {
    let mut asked = Asked { since: None, at: None, limit: PAGE_DEFAULT };
    for (name, value) in pairs {
        let refused = || {
            Fault::bad("history.parameter", "The parameter's value is not of its type.")
                .at(name.clone())
        };
        match name.as_str() {
            "_since" => asked.since = Some(span(value).ok_or_else(refused)?.0),
            "_at" => asked.at = Some(span(value).ok_or_else(refused)?),
            "_count" => asked.limit = value.parse::<u32>().map_err(|_| refused())?.min(PAGE_MAX),
            "_format" | "_pretty" | "_summary" | "_elements" | "_sort" | "_total" => {}
            _ => {
                let text = "A history takes _since, _at and _count.";
                return Err(Fault::bad("history.parameter_unknown", text).at(name.clone()));
            }
        }
    }
    Ok(asked)
}

type Versions = (Vec<Stored>, Option<Place>);

fn page(
    session: &Session<'_>,
    view: &mut View<'_>,
    over: &Over,
    asked: &Asked,
    cursor: Option<&Cursor>,
) -> Result<Versions, Fault> {
    session.permit(Action::History, over.kind())?;
    let scope = match over {
        Over::Instance(kind, id) => {
            let newest = view.get(*kind, id)?.ok_or_else(Fault::not_found)?;
            if !shows(session, view, &newest)? {
                return Err(Fault::not_found());
            }
            Scope::Instance(newest.key)
        }
        Over::Type(kind) => Scope::Type(*kind),
        _ => Scope::System,
    };
    let mut before = match cursor {
        Some(Cursor::Version(updated, row, version)) => {
            Some(Place { updated: *updated, row: *row, version: *version })
        }
        _ => None,
    };
    let limit = asked.limit.max(1) as usize;
    let (mut versions, mut opened) = (Vec::new(), 0);
    loop {
        let wanted = asked.limit.max(1) + 1;
        let past = Past { scope, since: asked.since, at: asked.at, before, limit: wanted };
        let found = view.history(past, session.visible.hidden())?;
        let is_last = found.len() < wanted as usize;
        opened += found.len();
        for stored in found {
            if versions.len() == limit {
                return Ok((versions, before));
            }
            before = Some(Place::of(&stored));
            if shows(session, view, &stored)? {
                versions.push(stored);
            }
        }
        if is_last {
            return Ok((versions, None));
        }
        if opened > OPENED_MAX {
            return Ok((versions, before));
        }
    }
}

fn shows(session: &Session<'_>, view: &mut View<'_>, stored: &Stored) -> Result<bool, Fault> {
    let Some(fence) = session.may(Action::History, stored.kind) else { return Ok(false) };
    session.shows_stored(view, &fence, stored)
}

fn written(
    session: &Session<'_>,
    versions: &[Stored],
    links: &[(&'static str, String)],
) -> Result<Vec<u8>, Fault> {
    let head = Head { kind: "history", at: session.now, total: None, links };
    let mut writer = Writer::new(&head, versions.len() * 1500);
    for stored in versions {
        let full_url = format!("{}/{}/{}", session.base, stored.kind, stored.id);
        let place = url_of(stored.kind, &stored.id);
        let (method, status) = match stored.how {
            How::Create => ("POST", "201 Created"),
            How::Update => ("PUT", "200 OK"),
            How::Delete => ("DELETE", "204 No Content"),
        };
        let url = if stored.how == How::Create { stored.kind.name() } else { &place };
        let told = stored.document.as_ref().map(|one| reply::told(one, &session.wanted));
        let told = told.transpose()?;
        let response = EntryResponse {
            status,
            location: Some(&reply::location(stored)),
            version: Some(stored.version),
            modified: Some(stored.updated),
            outcome: None,
        };
        writer.entry(&Entry {
            full_url: Some(&full_url),
            resource: told.as_deref(),
            mode: None,
            request: Some((method, url)),
            response: Some(response),
        });
    }
    Ok(writer.finish())
}

fn url_of(kind: Kind, id: &str) -> String {
    format!("{kind}/{id}")
}
