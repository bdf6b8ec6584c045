//! `/fhir` and all below it: establishes who asks, by a session of staff or by an access token,
//! and hands the request to the FHIR server. The clinic's. Whatever is refused here is an
//! `OperationOutcome`, as the server's own refusals are.

use std::sync::Arc;

use autoclave_cell::{Refusal, event};
use autoclave_ledger::{Decision, Event, Label};
use autoclave_record::Purpose;
use autoclave_records::server::{CODE_SYSTEM, Caller, FhirRequest, MEDIA_TYPE};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::caller::{self, Stated, only};
use crate::Clinic;
use crate::fhir::{self, audit};
use crate::smart::{Access, Bearer, Holder};

/// Where it is mounted.
const BASE: &str = "/fhir";
/// Largest body: a bundle of some ten thousand resources.
pub(crate) const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bodies up to this size need no place: a resource with an attachment of its own.
const SMALL_BYTES_MAX: usize = 1024 * 1024;
/// Longest path in parts: `Patient/1/_history/2`, `$export-status/…`, with room.
const PARTS_MAX: usize = 8;

const TOO_LARGE: Refusal = Refusal::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "fhir.too_large",
    "The body is larger than 64 MiB; send it in several.",
);
const BROKEN: Refusal = Refusal::bad_request("fhir.truncated", "The body did not arrive whole.");
const NO_PATH: Refusal = Refusal::not_found("fhir.path", "There is nothing at this path.");
const NO_ONE: Refusal = Refusal::unauthenticated(
    "token.missing",
    "Send an access token (authorization: Bearer) or a session of staff.",
);
const TOKEN_REFUSED: Refusal =
    Refusal::unauthenticated("token.refused", "The access token is over, or is not this client's.");
const PURPOSE: Refusal =
    Refusal::bad_request("purpose.unknown", "The header purpose-of-use is not a known purpose.");
const GLASS: Refusal = Refusal::bad_request(
    "break_glass.reason",
    "Breaking the glass needs the header break-glass-reason, a short code.",
);

/// Answers a FHIR request.
pub(super) async fn serve(State(clinic): State<Arc<Clinic>>, request: Request) -> Response {
    match answer(&clinic, request).await {
        Ok(response) => response,
        Err(refusal) => refused(&refusal),
    }
}

async fn answer(clinic: &Arc<Clinic>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let path = path(BASE, parts.uri.path(), PARTS_MAX).ok_or(NO_PATH)?;
    let caller = match path.first().map(String::as_str) {
        // What the server is and how to sign in is said to everybody.
        Some("metadata" | "openapi.json") => fhir::nobody(),
        _ => established(clinic, &mut parts).await?,
    };
    if_glass_breaks(clinic, &parts, &caller).await?;
    let _if_large = clinic.large_body(&parts.headers, SMALL_BYTES_MAX).await?;
    let body = whole(body).await?;
    let query = parts.uri.query().map(str::to_owned);
    if path.first().is_some_and(|first| first == "AuditEvent") {
        let (base, query) = (base(clinic, &parts, BASE), query.unwrap_or_default());
        let asked = audit::Asked { method: &parts.method, path: &path[1..], query: &query, base };
        return audit::answer(clinic, &caller, asked).await;
    }
    let base = base(clinic, &parts, BASE);
    let erased = erased(&parts, &path);
    let (method, headers) = (parts.method, parts.headers);
    let request = FhirRequest { method, path, query, headers, body, base };
    let response = clinic.server.handle(&caller, request).await;
    if let Some(patient) = erased.filter(|_| response.status().is_success()) {
        clinic.with_store(move |store| store.erase(&patient)).await?;
    }
    Ok(response.map(Body::from))
}

/// The patient that `$erase` is about: what the clinic itself keeps goes as well.
fn erased(parts: &Parts, path: &[String]) -> Option<String> {
    let [kind, id, operation] = path else { return None };
    let is_erasure =
        parts.method == http::Method::POST && kind == "Patient" && operation == "$erase";
    is_erasure.then(|| id.clone())
}

/// The base as this client knows it: a relay on the client's own machine says where it is
/// reached, so that links lead back to it. Nobody else ever sees them.
pub(super) fn base(clinic: &Clinic, parts: &Parts, mount: &str) -> String {
    let relayed = || {
        let (how, host) = (only(parts, "x-forwarded-proto")?, only(parts, "x-forwarded-host")?);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let fits = ["http", "https"].contains(&how) && host.bytes().all(is_host);
        (fits && !host.is_empty()).then(|| format!("{how}://{host}"))
    };
    format!("{}{mount}", relayed().unwrap_or_else(|| clinic.base()))
}

/// The parts of the path behind a mount, without percents.
pub(super) fn path(mount: &str, path: &str, parts_max: usize) -> Option<Vec<String>> {
    let rest = path.strip_prefix(mount)?;
    let parts = rest.split('/').filter(|part| !part.is_empty());
    let parts: Option<Vec<_>> = parts.map(decoded).collect();
    parts.filter(|parts| parts.len() <= parts_max)
}

fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

async fn whole(body: Body) -> Result<Bytes, Refusal> {
    let read = axum::body::to_bytes(body, BUNDLE_BYTES_MAX).await;
    read.map_err(|error| {
        let limit = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if limit { TOO_LARGE } else { BROKEN }
    })
}

/// Who asks: an application by its token, or staff by their session.
pub(super) async fn established(
    clinic: &Arc<Clinic>,
    parts: &mut Parts,
) -> Result<Caller, Refusal> {
    let header = only(parts, header::AUTHORIZATION.as_str()).ok_or(NO_ONE)?;
    let (scheme, token) = header.split_once(' ').ok_or(NO_ONE)?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let now = clinic.now();
    let access = clinic.smart.access().get(&Bearer::digest_of(token), now).cloned();
    match access {
        Some(access) if is_bearer && access.jkt.is_none() => application(clinic, parts, &access),
        Some(access) if !is_bearer && access.jkt.is_some() => {
            let key = caller::prove(parts, clinic, Some(token))?;
            if access.jkt != Some(key.jkt()) {
                return Err(TOKEN_REFUSED);
            }
            application(clinic, parts, &access)
        }
        Some(_) => Err(TOKEN_REFUSED),
        None if is_bearer => Err(TOKEN_REFUSED),
        None => {
            let staff = caller::Caller::from_request_parts(parts, clinic).await?;
            let Stated(purpose) = Stated::from_request_parts(parts, clinic).await?;
            Ok(fhir::staff(staff.actor, purpose))
        }
    }
}

/// An application's token; a person may state another purpose than the application's usual one.
fn application(clinic: &Clinic, parts: &Parts, access: &Access) -> Result<Caller, Refusal> {
    let stated = match only(parts, "purpose-of-use") {
        Some(code) if access.grant.holder != Holder::Application => {
            Some(code.parse::<Purpose>().map_err(|_| PURPOSE)?)
        }
        _ => None,
    };
    let client = clinic.smart.client(&access.grant.client).ok_or(TOKEN_REFUSED)?;
    Ok(fhir::application(access, &client.clearance, stated))
}

/// Where the glass is broken, a line of its own with the reason, before anything is looked at.
pub(super) async fn if_glass_breaks(
    clinic: &Clinic,
    parts: &Parts,
    caller: &Caller,
) -> Result<(), Refusal> {
    if caller.purpose != Purpose::BreakTheGlass {
        return Ok(());
    }
    let reason = only(parts, "break-glass-reason").and_then(|code| Label::parse(code).ok());
    let reason = reason.filter(|reason| reason.as_str().len() <= 64).ok_or(GLASS)?;
    event!(WARN, "glass.broken");
    clinic
        .append(Event::Access {
            actor: caller.actor.clone(),
            role: caller.role.clone(),
            action: Label::code("break_glass"),
            resource: Label::of_claim(&format!("Reason/{reason}")),
            subject: None,
            purpose: Some(Label::of(&caller.purpose)),
            decision: Decision::Granted,
            rules: Vec::new(),
        })
        .await
}

/// A refusal as FHIR tells it.
pub(crate) fn refused(refusal: &Refusal) -> Response {
    let issue = match refusal.status() {
        StatusCode::UNAUTHORIZED => "login",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::PAYLOAD_TOO_LARGE => "too-long",
        StatusCode::SERVICE_UNAVAILABLE => "transient",
        status if status.is_server_error() => "exception",
        _ => "invalid",
    };
    let cause = refusal.cause().unwrap_or("none");
    event!(INFO, "fhir.refused", status = refusal.status().as_u16(), cause = cause);
    let problem = refusal.problem();
    let coding = json!([{"system": CODE_SYSTEM, "code": problem.code}]);
    let issue = json!({"severity": "error", "code": issue, "details": {"coding": coding},
        "diagnostics": problem.title});
    let body = json!({"resourceType": "OperationOutcome", "issue": [issue]});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if refusal.status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_parts_and_a_malformed_one_is_none() {
        let parts = |text: &str| path(BASE, text, PARTS_MAX);
        assert_eq!(parts("/fhir"), Some(vec![]));
        assert_eq!(parts("/fhir/Patient/7/"), Some(vec!["Patient".into(), "7".into()]));
        assert_eq!(parts("/fhir/Patient/%24match"), Some(vec!["Patient".into(), "$match".into()]));
        for bad in ["/fhir/%", "/fhir/%zz", "/fhir/%FF", "/fhir/a/b/c/d/e/f/g/h/i"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
