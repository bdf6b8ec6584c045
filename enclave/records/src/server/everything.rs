//! `Patient/$everything`: a patient's compartment in the order of storing, page by page, and
//! what it refers to outside (practitioners, organizations, locations, medications).

use std::collections::HashSet;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search as search;
use http::StatusCode;

use super::bundle::{Head, Writer};
use super::caller::Action;
use super::fault::Fault;
use super::interaction::Over;
use super::message::FhirResponse;
use super::moment::span;
use super::paging::{Cursor, PageState, Paged};
use super::read;
use super::reply;
use super::search::{add, listed, shown};
use super::session::{Session, tree};
use super::targets;
use crate::store::{Part, Stored, View};

/// Resources on a page where the client says nothing.
const PAGE_DEFAULT: u32 = 500;
/// Resources on a page at most.
const PAGE_MAX: u32 = 2_000;
/// Name in rules and ledger lines.
const EVERYTHING: Action = Action::Operation("everything");

/// What was asked.
struct Asked {
    kinds: Vec<Kind>,
    since: Option<i64>,
    start: Option<i64>,
    end: Option<i64>,
    limit: u32,
}

/// Answers `$everything`.
pub(crate) fn everything(
    session: &Session<'_>,
    id: &str,
    text: &str,
    pairs: &[(String, String)],
    cursor: Option<&Cursor>,
    self_url: String,
) -> Result<FhirResponse, Fault> {
    let patient = Kind::known("Patient");
    let asked = asked(pairs)?;
    session.permit(EVERYTHING, Some(patient))?;
    let after = match cursor {
        Some(Cursor::Row(row)) => *row,
        _ => 0,
    };
    let key = session.blind().reference(patient, id);
    let store = session.server.store();
    let (own, others, next) = store.read(session.caller.tenant, |view| {
        read::found(session, view, patient, id, None)?;
        let (own, next) = page(session, view, &asked, key, after)?;
        let others = outside(session, view, &asked, &own)?;
        Ok::<_, Fault>((own, others, next))
    })?;
    let all = own.iter().chain(&others);
    all.for_each(|stored| session.note(EVERYTHING, Some(patient), stored.owner));
    let mut links = vec![("self", self_url)];
    if let Some(row) = next {
        let over = Over::Instance(patient, id.to_owned());
        let state = PageState::new(Paged::Everything, &over, text, Cursor::Row(row), session.now);
        let sealed = session.server.pager().seal(session.caller, &state)?;
        links.push(("next", format!("{}?page={sealed}", session.base)));
    }
    let is_all = after == 0 && next.is_none();
    let total = is_all.then_some(own.len() as u64);
    let head = Head { kind: "searchset", at: session.now, total, links: &links };
    let mut writer = Writer::new(&head, (own.len() + others.len()) * 1600);
    own.iter().try_for_each(|stored| add(session, &mut writer, stored, "match"))?;
    others.iter().try_for_each(|stored| add(session, &mut writer, stored, "include"))?;
    Ok(reply::json(StatusCode::OK, writer.finish(), &session.wanted))
}

fn asked(pairs: &[(String, String)]) -> Result<Asked, Fault> {
    let kinds = listed(pairs)?;
    let mut asked = Asked { kinds, since: None, start: None, end: None, limit: PAGE_DEFAULT };
    for (name, value) in pairs {
        let refused = || {
            let text = "The parameter's value is not of its type.";
            Fault::bad("everything.parameter", text).at(name.clone())
        };
        match name.as_str() {
            "_since" => asked.since = Some(span(value).ok_or_else(refused)?.0),
            "start" => asked.start = Some(span(value).ok_or_else(refused)?.0),
            "end" => asked.end = Some(span(value).ok_or_else(refused)?.1),
            "_count" => asked.limit = value.parse::<u32>().map_err(|_| refused())?,
            "_type" | "_format" | "_pretty" | "_summary" | "_elements" => {}
            _ => {
                let text = "$everything takes start, end, _since, _type and _count.";
                return Err(Fault::bad("everything.parameter_unknown", text).at(name.clone()));
            }
        }
    }
    asked.limit = asked.limit.clamp(1, PAGE_MAX);
    Ok(asked)
}

/// `Parameters` of a POST, as a query.
pub(crate) fn text_of(parameters: &Node<'_>) -> String {
    let mut out = Vec::new();
    for parameter in parameters.get("parameter").map(Node::items).unwrap_or_default() {
        let value = parameter.members().iter().find(|(name, _)| name.starts_with("value"));
        let value = value.and_then(|(_, value)| value.text().or_else(|| value.number()));
        if let (Some(name), Some(value)) = (parameter.text_of("name"), value) {
            let plain =
                |text: &str| text.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
            out.push(format!("{}={}", plain(name), plain(value)));
        }
    }
    out.join("&")
}

fn page(
    session: &Session<'_>,
    view: &mut View<'_>,
    asked: &Asked,
    patient: i64,
    mut after: i64,
) -> Result<(Vec<Stored>, Option<i64>), Fault> {
    let mut own = Vec::new();
    loop {
        let (kinds, since) = (asked.kinds.as_slice(), asked.since);
        let part = Part { patient, kinds, since, after, limit: asked.limit };
        let found = view.compartment(&part)?;
        let is_last = found.len() < asked.limit as usize;
        for stored in found {
            after = stored.row;
            if meets(session, view, asked, &stored)? {
                own.push(stored);
                if own.len() == asked.limit as usize {
                    return Ok((own, Some(after)));
                }
            }
        }
        if is_last {
            return Ok((own, None));
        }
    }
}

fn meets(
    session: &Session<'_>,
    view: &mut View<'_>,
    asked: &Asked,
    stored: &Stored,
) -> Result<bool, Fault> {
    let Some(fence) = session.may(Action::Read, stored.kind) else { return Ok(false) };
    let Some(document) = &stored.document else { return Ok(false) };
    let node = tree(document)?;
    Ok(is_of_time(asked, &node) && session.shows(view, &fence, stored, &node)?)
}

/// Members that say when care happened; what has none of them belongs to every time.
const DATES: [&str; 14] = [
    "effectiveDateTime",
    "effectivePeriod",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "onsetDateTime",
    "period",
    "billablePeriod",
    "authoredOn",
    "recordedDate",
    "started",
    "date",
    "created",
];

fn is_of_time(asked: &Asked, node: &Node<'_>) -> bool {
    let (from, to) = (asked.start.unwrap_or(i64::MIN), asked.end.unwrap_or(i64::MAX));
    let date = DATES.iter().find_map(|name| node.get(name));
    let covered = date.and_then(|date| {
        if let Some(text) = date.text() {
            return span(text);
        }
        let start = date.text_of("start").map_or(Some(i64::MIN), |text| Some(span(text)?.0));
        let end = date.text_of("end").map_or(Some(i64::MAX), |text| Some(span(text)?.1));
        start.zip(end)
    });
    covered.is_none_or(|(start, end)| start <= to && from <= end)
}

/// What the resources refer to that is nobody's compartment.
fn outside(
    session: &Session<'_>,
    view: &mut View<'_>,
    asked: &Asked,
    own: &[Stored],
) -> Result<Vec<Stored>, Fault> {
    let mut keys = HashSet::new();
    for document in own.iter().filter_map(|stored| stored.document.as_ref()) {
        targets::each(&tree(document)?, &mut |text| {
            let Some((kind, id)) = targets::relative(text) else { return };
            let is_asked = asked.kinds.is_empty() || asked.kinds.contains(&kind);
            if is_asked && !search::is_of_patients(kind) {
                keys.insert(session.blind().reference(kind, id));
            }
        });
    }
    let mut keys: Vec<i64> = keys.into_iter().collect();
    keys.sort_unstable();
    shown(session, view, &keys)
}
