//! `GET /fhir/AuditEvent`: the ledger's lines as FHIR `AuditEvent`s, newest first, each with its
//! place in the ledger and its leaf. The auditor's. Nothing is stored beside the ledger, so
//! nothing can differ from it; and nothing can be written here.

use std::sync::Arc;

use autoclave_cell::Refusal;
use autoclave_fhir::Kind;
use autoclave_ledger::audit_event::{Ledger, Line, id, resource};
use autoclave_ledger::{Entry, Pseudonym};
use autoclave_records::server::{Access, Action, Caller, MEDIA_TYPE};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::Clinic;
use crate::smart::form::{Fields, encoded};

/// Events of a page, where nothing is said.
const COUNT: usize = 50;
/// Events of a page at the most.
const COUNT_MAX: usize = 1000;
/// Lines that one request looks at: some hundred milliseconds; the next page goes on behind.
const LINES_MAX: u64 = 50_000;

const FORBIDDEN: Refusal =
    Refusal::forbidden("permission.refused", "Your role does not permit this for this purpose.");
const READ_ONLY: Refusal = Refusal::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "audit.read_only",
    "Audit events are the ledger's lines: they are read, and never written.",
);
const PARAMETER: Refusal = Refusal::bad_request(
    "search.parameter",
    "Audit events are found by date, patient, agent, action, subtype, _count and _before.",
);
const VALUE: Refusal =
    Refusal::bad_request("search.value", "A parameter's value is not what it can be.");
const NOT_FOUND: Refusal = Refusal::not_found("record.not_found", "There is no such resource.");

/// What is looked for.
#[derive(Default)]
struct Wanted {
    dates: Vec<(Order, String)>,
    /// One of these, where a patient is asked for.
    subjects: Vec<Pseudonym>,
    agent: Option<String>,
    action: Option<String>,
    subtype: Option<String>,
    id: Option<String>,
    count: usize,
    /// Only lines below this one.
    before: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    From,
    Behind,
    To,
    Below,
}

/// A request for audit events.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// Behind `AuditEvent`.
    pub(crate) path: &'a [String],
    pub(crate) query: &'a str,
    /// The server's base as the client knows it.
    pub(crate) base: String,
}

/// Answers a read or a search.
pub(crate) async fn answer(
    clinic: &Arc<Clinic>,
    caller: &Caller,
    Asked { method, path, query, base }: Asked<'_>,
) -> Result<Response, Refusal> {
    if method != Method::GET && method != Method::HEAD {
        return Err(READ_ONLY);
    }
    let (action, id) = match path {
        [] => (Action::Search, None),
        [id] => (Action::Read, Some(id.clone())),
        _ => return Err(NOT_FOUND),
    };
    let kind = Some(Kind::known("AuditEvent"));
    let access = |granted, count, rules| Access {
        action,
        kind,
        subjects: Vec::new(),
        count,
        granted,
        glass: false,
        rules,
    };
    let guard = clinic.server.guard();
    let granted = match guard.allow(caller, action, kind) {
        Ok(granted) => granted,
        Err(refused) => {
            guard.record(caller, access(false, 0, refused.rules)).await?;
            return Err(FORBIDDEN);
        }
    };
    let wanted = Wanted { id, ..Wanted::read(clinic, query)? };
    let (looking, only_one) = (clinic.clone(), wanted.id.is_some());
    let work = move || look(&looking, &wanted);
    let found = clinic.outside().machine().block_on(work).await;
    let found = found.map_err(|_| Refusal::internal("audit.panicked"))?;
    let count = found.events.len() as u64;
    guard.record(caller, access(true, count, granted.rules)).await?;
    if only_one {
        let event = found.events.into_iter().next().ok_or(NOT_FOUND)?;
        return Ok(fhir(&event));
    }
    Ok(fhir(&bundle(&base, query, found)))
}

struct Found {
    events: Vec<Value>,
    /// Where the next page begins, if there is one.
    next: Option<u64>,
}

/// Reads lines from the newest on; blocks.
fn look(clinic: &Clinic, wanted: &Wanted) -> Found {
    let head = clinic.outside().ledger();
    let ledger = Ledger { origin: &head.origin, size: head.size, root: &head.root };
    let end = wanted.before.unwrap_or(head.size).min(head.size);
    let mut events = Vec::new();
    for index in (end.saturating_sub(LINES_MAX)..end).rev() {
        if events.len() >= wanted.count {
            return Found { events, next: Some(index + 1) };
        }
        let line = clinic.outside().ledger_line(index);
        if let Some(line) = line.and_then(|entry| wanted.meet(index, &entry)) {
            let id = id(&ledger, &line);
            if wanted.id.as_ref().is_none_or(|wanted| *wanted == id) {
                events.push(resource(&id, &line, &ledger));
            }
        }
    }
    let left = end.saturating_sub(LINES_MAX);
    Found { events, next: (left > 0).then_some(left) }
}

impl Wanted {
    fn read(clinic: &Clinic, query: &str) -> Result<Self, Refusal> {
        let mut wanted = Self { count: COUNT, ..Self::default() };
        let fields = Fields::parse(query).ok_or(VALUE)?;
        for (name, value) in fields.all() {
            match name {
                "date" => wanted.dates.push(date(value)?),
                "patient" | "patient.identifier" | "entity" => {
                    wanted.subjects = clinic.pseudonyms_of(value);
                }
                "agent" => {
                    let id = value.rsplit('/').next().unwrap_or_default();
                    wanted.agent = Some(id.to_owned());
                }
                "action" if ["C", "R", "U", "D", "E"].contains(&value) => {
                    wanted.action = Some(value.to_owned());
                }
                "subtype" => {
                    wanted.subtype = Some(value.rsplit('|').next().unwrap_or_default().to_owned());
                }
                "_count" => {
                    let count: usize = value.parse().map_err(|_| VALUE)?;
                    wanted.count = count.clamp(1, COUNT_MAX);
                }
                "_before" => wanted.before = Some(value.parse().map_err(|_| VALUE)?),
                "_sort" if value == "-date" => {}
                "_format" | "_pretty" => {}
                "action" | "_sort" => return Err(VALUE),
                _ => return Err(PARAMETER),
            }
        }
        Ok(wanted)
    }

    /// The line, if it is meant.
    fn meet(&self, index: u64, entry: &Entry) -> Option<Line> {
        let line = Line::of(index, entry)?;
        let text = |name: &str| line.event.get(name).and_then(Value::as_str);
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let fits = self.dates.iter().all(|(order, value)| order.holds(&line.time, value))
            && is(&self.agent, text("actor").or_else(|| text("by")))
            && is(&self.subtype, text("action").or_else(|| text("event")))
            && self.about(&line)
            && is(&self.action, Some(autoclave_ledger::audit_event::action(&line)));
        fits.then_some(line)
    }

    fn about(&self, line: &Line) -> bool {
        if self.subjects.is_empty() {
            return true;
        }
        let several = line.event["subjects"].as_array().into_iter().flatten();
        let mut all = several.chain(line.event.get("subject")).filter_map(Value::as_str);
        all.any(|found| self.subjects.iter().any(|wanted| wanted.as_str() == found))
    }
}

impl Order {
    /// Compares a line's time with a beginning of one: both are UTC, so their texts are ordered.
    fn holds(self, time: &str, value: &str) -> bool {
        let within = time.starts_with(value.trim_end_matches('Z'));
        match self {
            Self::Equal => within,
            Self::From => within || time > value,
            Self::Behind => !within && time > value,
            Self::To => within || time < value,
            Self::Below => !within && time < value,
        }
    }
}

/// A date with its prefix; of a time zone only UTC.
fn date(value: &str) -> Result<(Order, String), Refusal> {
    let (order, rest) = match value.get(..2) {
        Some("eq") => (Order::Equal, &value[2..]),
        Some("ge") => (Order::From, &value[2..]),
        Some("gt" | "sa") => (Order::Behind, &value[2..]),
        Some("le") => (Order::To, &value[2..]),
        Some("lt" | "eb") => (Order::Below, &value[2..]),
        _ => (Order::Equal, value),
    };
    let allowed = |byte: u8| byte.is_ascii_digit() || b"-:.TZ".contains(&byte);
    let fits = (4..=30).contains(&rest.len()) && rest.bytes().all(allowed);
    if fits { Ok((order, rest.to_owned())) } else { Err(VALUE) }
}

fn bundle(base: &str, query: &str, found: Found) -> Value {
    let entry = |event: Value| {
        let url = format!("{base}/AuditEvent/{}", event["id"].as_str().unwrap_or_default());
        json!({"fullUrl": url, "resource": event, "search": {"mode": "match"}})
    };
    let again = |before: Option<u64>| {
        let fields = Fields::parse(query).into_iter();
        let kept: Vec<_> = fields
            .flat_map(|fields| {
                let kept = fields.all().filter(|(name, _)| *name != "_before");
                kept.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>()
            })
            .chain(before.map(|before| format!("_before={before}")))
            .collect();
        format!("{base}/AuditEvent?{}", kept.join("&"))
    };
    let mut links = vec![json!({"relation": "self", "url": again(None)})];
    if let Some(next) = found.next {
        links.push(json!({"relation": "next", "url": again(Some(next))}));
    }
    let entries: Vec<_> = found.events.into_iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})
}

fn fhir(body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    let media_type = HeaderValue::from_static(MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_compare_by_what_they_say() {
        let time = "2026-11-20T21:15:00Z";
        let holds = |text: &str| {
            let (order, value) = date(text).unwrap();
            order.holds(time, &value)
        };
        for text in [
            "2026",
            "2026-11-20",
            "ge2026-11-20",
            "le2026-11-20",
            "gt2026-11-19",
            "2026-11-20T21:15:00Z",
            "lt2026-11-21",
            "sa2025",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["2025", "gt2026-11-20", "lt2026-11-20", "ge2026-11-21", "le2026-11-19"] {
            assert!(!holds(text), "{text}");
        }
        for bad in ["", "x", "ge", "2026-11-20T21:15:00+01:00"] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }
}
