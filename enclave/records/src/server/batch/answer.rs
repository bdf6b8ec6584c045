//! How the entries of a bundle ended, as a bundle.

use http::StatusCode;

use crate::server::bundle::{Entry, EntryResponse, Head, Writer};
use crate::server::fault::{Fault, one_issue};
use crate::server::message::FhirResponse;
use crate::server::reply;
use crate::server::session::Session;
use crate::server::wanted::{Return, version_tag};
use crate::server::write::Done;

/// How an entry ended.
pub(super) enum Ended {
    Wrote(Done),
    Read { status: StatusCode, body: Vec<u8>, version: Option<String> },
    Failed(Fault),
}

/// The answer to a bundle.
pub(super) fn answer(
    session: &Session<'_>,
    kind: &'static str,
    ended: &[Ended],
) -> Result<FhirResponse, Fault> {
    let head = Head { kind, at: session.now, total: None, links: &[] };
    let mut writer = Writer::new(&head, ended.len() * 200);
    for one in ended {
        entry(session, &mut writer, one)?;
    }
    Ok(reply::json(StatusCode::OK, writer.finish(), &session.wanted))
}

fn entry(session: &Session<'_>, writer: &mut Writer, ended: &Ended) -> Result<(), Fault> {
    match ended {
        Ended::Failed(fault) => {
            let (status, outcome) = (status(fault.status()), fault.outcome());
            let response = EntryResponse {
                status: &status,
                outcome: Some(&outcome),
                ..EntryResponse::default()
            };
            writer.entry(&Entry { response: Some(response), ..Entry::default() });
        }
        Ended::Read { status: code, body, version } => {
            let status = status(*code);
            let version = version.as_deref().and_then(version_tag);
            let response = EntryResponse { status: &status, version, ..EntryResponse::default() };
            let resource = (!body.is_empty()).then_some(body.as_slice());
            writer.entry(&Entry { resource, response: Some(response), ..Entry::default() });
        }
        Ended::Wrote(done) => wrote(session, writer, done)?,
    }
    Ok(())
}

fn wrote(session: &Session<'_>, writer: &mut Writer, done: &Done) -> Result<(), Fault> {
    let status = status(done.status);
    let mut response = EntryResponse { status: &status, ..EntryResponse::default() };
    let Some(stored) = &done.stored else {
        writer.entry(&Entry { response: Some(response), ..Entry::default() });
        return Ok(());
    };
    let (place, full_url) =
        (reply::location(stored), format!("{}/{}/{}", session.base, stored.kind, stored.id));
    response.location = stored.document.is_some().then_some(place.as_str());
    response.version = Some(stored.version);
    response.modified = Some(stored.updated);
    let outcome = one_issue("information", "informational", "record.stored", "It is stored.", None);
    // In a bundle the answer is short unless the client prefers otherwise.
    let told = match (&stored.document, session.wanted.give) {
        (Some(document), Some(Return::Representation)) if done.tells => {
            Some(reply::told(document, &session.wanted)?)
        }
        _ => None,
    };
    if session.wanted.give == Some(Return::Outcome) {
        response.outcome = Some(&outcome);
    }
    let full_url = stored.document.is_some().then_some(full_url.as_str());
    writer.entry(&Entry {
        full_url,
        resource: told.as_deref(),
        response: Some(response),
        ..Entry::default()
    });
    Ok(())
}

fn status(code: StatusCode) -> String {
    format!("{} {}", code.as_str(), code.canonical_reason().unwrap_or_default())
}
