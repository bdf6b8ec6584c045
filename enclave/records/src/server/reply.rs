//! Answers that are one resource, or none. Pure.

use autoclave_fhir::Document;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::MEDIA_TYPE;
use super::bundle::pretty;
use super::fault::{Fault, one_issue};
use super::instant::http_date;
use super::message::FhirResponse;
use super::subset::subset;
use super::wanted::{Return, Summary, Wanted};
use crate::store::Stored;

/// What of a resource is told, as it was asked for.
pub(crate) fn told(document: &Document, wanted: &Wanted) -> Result<Vec<u8>, Fault> {
    if wanted.elements.is_empty() && matches!(wanted.summary, Summary::All | Summary::Count) {
        return Ok(document.bytes().to_vec());
    }
    let node = super::session::tree(document)?;
    Ok(subset(&node, wanted).to_bytes())
}

/// An answer that is JSON.
pub(crate) fn json(status: StatusCode, body: Vec<u8>, wanted: &Wanted) -> FhirResponse {
    let body = if wanted.pretty { pretty(&body) } else { body };
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    answer
}

/// Says which version an answer is about.
pub(crate) fn versioned(answer: &mut FhirResponse, stored: &Stored) {
    let headers = answer.headers_mut();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(header::ETAG, format!("W/\"{}\"", stored.version));
    set(header::LAST_MODIFIED, http_date(stored.updated));
}

/// The answer to a read.
pub(crate) fn resource(stored: &Stored, wanted: &Wanted) -> Result<FhirResponse, Fault> {
    let document = stored.document.as_ref().ok_or_else(gone)?;
    let mut answer = json(StatusCode::OK, told(document, wanted)?, wanted);
    versioned(&mut answer, stored);
    Ok(answer)
}

/// The answer to a write.
pub(crate) fn written(
    status: StatusCode,
    stored: &Stored,
    base: &str,
    wanted: &Wanted,
    tells: bool,
) -> Result<FhirResponse, Fault> {
    let body = match (wanted.give.unwrap_or(Return::Representation), &stored.document) {
        (Return::Representation, Some(document)) if tells => self::told(document, wanted)?,
        (Return::Outcome, _) => {
            one_issue("information", "informational", "record.stored", "It is stored.", None)
        }
        _ => Vec::new(),
    };
    let mut answer = json(status, body, wanted);
    if answer.body().is_empty() {
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    versioned(&mut answer, stored);
    let place = location(stored);
    if let Ok(value) = HeaderValue::try_from(format!("{base}/{place}")) {
        answer.headers_mut().insert(header::LOCATION, value);
    }
    Ok(answer)
}

/// `Type/id/_history/version`
pub(crate) fn location(stored: &Stored) -> String {
    format!("{}/{}/_history/{}", stored.kind, stored.id, stored.version)
}

/// 410: it was here and is deleted.
pub(crate) fn gone() -> Fault {
    Fault::new(StatusCode::GONE, "deleted", "record.deleted", "The resource is deleted.")
}
