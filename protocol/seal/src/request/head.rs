//! The heads of requests and answers between `http` and binary HTTP (RFC 9292, section 3).
//! The scheme is always `https` and the authority is not used: a sealed request is for
//! whoever holds the key, under any name. A head never carries anything of the body.

use bhttp::{ControlData, Mode, StatusCode as BinaryStatus};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::fields::{self, Framing};
use super::source::Source;
use super::{FIELDS_MAX, HEAD_BYTES_MAX, OpenRefusal, SealRefusal};

/// Framing indicators (RFC 9292, section 3.3).
const REQUEST_KNOWN: u64 = 0;
const RESPONSE_KNOWN: u64 = 1;
const REQUEST_INDETERMINATE: u64 = 2;
const RESPONSE_INDETERMINATE: u64 = 3;
/// Interim answers (1xx) before the real one; they say nothing to us and are passed over.
const INTERIM_ANSWERS_MAX: usize = 8;

/// What comes before the body of a request.
pub(super) struct RequestHead {
    pub(super) framing: Framing,
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
}

/// What comes before the body of an answer.
pub(super) struct ResponseHead {
    pub(super) framing: Framing,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

/// Writes the head of a request of indeterminate length.
pub(super) fn write_request(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Vec<u8>, SealRefusal> {
    let path = uri.path_and_query().ok_or(SealRefusal::Head)?;
    let control = ControlData::Request {
        method: method.as_str().into(),
        scheme: b"https".to_vec(),
        authority: uri.authority().map_or("", |authority| authority.as_str()).into(),
        path: path.as_str().into(),
    };
    write(REQUEST_INDETERMINATE, &control, headers)
}

/// Writes the head of an answer of indeterminate length.
pub(super) fn write_response(
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Vec<u8>, SealRefusal> {
    if status.is_informational() {
        return Err(SealRefusal::Head);
    }
    let status = BinaryStatus::try_from(status.as_u16()).map_err(|_| SealRefusal::Head)?;
    write(RESPONSE_INDETERMINATE, &ControlData::Response(status), headers)
}

#[expect(clippy::cast_possible_truncation, reason = "a framing indicator is below 4")]
fn write(framing: u64, control: &ControlData, headers: &HeaderMap) -> Result<Vec<u8>, SealRefusal> {
    let fields = fields::to_send(headers);
    let mut head = vec![framing as u8];
    control.write_bhttp(&mut head).map_err(|_| SealRefusal::Head)?;
    fields.write_bhttp(Mode::IndeterminateLength, &mut head).map_err(|_| SealRefusal::Head)?;
    if head.len() > HEAD_BYTES_MAX || fields.len() > FIELDS_MAX {
        return Err(SealRefusal::Head);
    }
    Ok(head)
}

/// Reads the head of a request. The scheme must be `https`; the authority is passed over.
pub(super) async fn read_request(
    source: &mut Source,
    budget: &mut usize,
) -> Result<RequestHead, OpenRefusal> {
    let framing = match source.varint().await?.ok_or(OpenRefusal::Truncated)? {
        REQUEST_KNOWN => Framing::KnownLength,
        REQUEST_INDETERMINATE => Framing::IndeterminateLength,
        _ => return Err(OpenRefusal::Malformed),
    };
    let method = source.string(budget).await?;
    let scheme = source.string(budget).await?;
    let _authority = source.string(budget).await?;
    let path = source.string(budget).await?;
    let headers = fields::read(source, framing, budget).await?;
    if scheme != b"https" || !path.starts_with(b"/") {
        return Err(OpenRefusal::Malformed);
    }
    Ok(RequestHead {
        framing,
        method: Method::from_bytes(&method).map_err(|_| OpenRefusal::Malformed)?,
        path: PathAndQuery::try_from(path.as_slice()).map_err(|_| OpenRefusal::Malformed)?,
        headers,
    })
}

/// Reads the head of an answer, past any interim ones.
pub(super) async fn read_response(
    source: &mut Source,
    budget: &mut usize,
) -> Result<ResponseHead, OpenRefusal> {
    let framing = match source.varint().await?.ok_or(OpenRefusal::Truncated)? {
        RESPONSE_KNOWN => Framing::KnownLength,
        RESPONSE_INDETERMINATE => Framing::IndeterminateLength,
        _ => return Err(OpenRefusal::Malformed),
    };
    for _ in 0..=INTERIM_ANSWERS_MAX {
        let code = source.varint().await?.ok_or(OpenRefusal::Truncated)?;
        let status = status(code)?;
        let headers = fields::read(source, framing, budget).await?;
        if !status.is_informational() {
            return Ok(ResponseHead { framing, status, headers });
        }
    }
    Err(OpenRefusal::HeadTooLarge)
}

fn status(code: u64) -> Result<StatusCode, OpenRefusal> {
    let code = u16::try_from(code).ok().filter(|code| *code < 600);
    code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(OpenRefusal::Malformed)
}
