//! What a kick-off asks for, as a job. What is not understood is refused, unless the client
//! asked for lenient handling.

use autoclave_base::Digest;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_record::consent::Act;
use http::StatusCode;

use super::super::asked::Asked;
use super::super::reach::Reach;
use super::identity;
use super::job::{Job, MEMBERS_MAX, State, Task};
use crate::server::{Caller, Fault, FhirRequest, Granted, Server};

/// Parameters that are served.
const KNOWN: [&str; 6] = ["_outputFormat", "_since", "_type", "_typeFilter", "patient", "_format"];
/// Types that are the server's own affair and leave with no export.
const OWN: [&str; 3] = ["AuditEvent", "Subscription", "Bundle"];
/// Types that do not belong to patients, and are left out where only theirs are asked for.
const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// The job that is asked for.
pub(super) fn job(
    server: &Server,
    caller: &Caller,
    request: &FhirRequest,
    granted: Granted,
    (kind, id): (Option<Kind>, Option<String>),
) -> Result<Job, Fault> {
    let asked = Asked::of(request)?;
    preferences(request, &asked)?;
    if caller.patient.is_some() {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "export.confined",
            "Who is confined to one patient's record exports no others.",
        ));
    }
    let (rules, narrowed) = (granted.rules.clone(), granted.narrowed.clone());
    let mut reach = Reach::new(server, caller, granted, Act::Disclose)?;
    let members = members(&mut reach, &asked, id.as_deref())?;
    let started = reach.now;
    Ok(Job {
        id: new_id(caller, started),
        owner: identity(caller),
        rules: rules.iter().map(|rule| rule.as_str().to_owned()).collect(),
        narrowed,
        request: url(request),
        started,
        since: since(&asked)?,
        of_patients: kind.is_some(),
        tasks: tasks(&reach, &asked, members.as_deref())?,
        members,
        at: 0,
        after: None,
        files: Vec::new(),
        state: State::Running,
    })
}

fn preferences(request: &FhirRequest, asked: &Asked<'_>) -> Result<(), Fault> {
    let prefer: Vec<&str> =
        request.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()).collect();
    let prefers = |what: &str| prefer.iter().any(|value| value.contains(what));
    if !prefers("respond-async") {
        return Err(Fault::bad("export.async", "An export needs `Prefer: respond-async`."));
    }
    if !prefers("handling=lenient") {
        asked.only(&KNOWN)?;
    }
    match asked.text("_outputFormat") {
        Some(format) if !NDJSON.contains(&format.replace(' ', "+").as_str()) => {
            Err(Fault::bad("export.format", "Exports are NDJSON.").at("_outputFormat"))
        }
        _ => Ok(()),
    }
}

fn since(asked: &Asked<'_>) -> Result<Option<i64>, Fault> {
    let Some(text) = asked.text("_since") else { return Ok(None) };
    let refused = || Fault::bad("export.since", "Not an instant.").at("_since");
    // A `+` that nobody escaped is a space by now.
    let text = text.replace(' ', "+");
    let format = &time::format_description::well_known::Rfc3339;
    let time = time::OffsetDateTime::parse(&text, format).map_err(|_| refused())?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Some).map_err(|_| refused())
}

/// Keys of the patients that are meant, where not all are.
fn members(
    reach: &mut Reach,
    asked: &Asked<'_>,
    group: Option<&str>,
) -> Result<Option<Vec<i64>>, Fault> {
    let blind = reach.server.store().blind().clone();
    let key = |reference: &str| {
        let id = reference.strip_prefix("Patient/")?;
        Some(blind.reference(Kind::known("Patient"), id))
    };
    let mut keys: Vec<i64> = asked.each("patient").filter_map(key).collect();
    if let Some(id) = group {
        let stored = reach.read(Kind::known("Group"), id)?.ok_or_else(Fault::not_found)?;
        let document = stored.document.as_ref().ok_or_else(Fault::not_found)?;
        let node = document.node().map_err(|_| Fault::internal("export"))?;
        let all = node.get("member").map_or(&[][..], Node::items);
        let active = all.iter().filter(|one| one.get("inactive") != Some(&Node::Bool(true)));
        let group = active.filter_map(|one| key(one.at(&["entity", "reference"])?.text()?));
        let group: Vec<i64> = group.collect();
        if asked.text("patient").is_some() {
            keys.retain(|key| group.contains(key));
        } else {
            keys = group;
        }
    } else if asked.text("patient").is_none() {
        return Ok(None);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

fn tasks(reach: &Reach, asked: &Asked<'_>, members: Option<&[i64]>) -> Result<Vec<Task>, Fault> {
    let mut queries: Vec<(Kind, String)> = Vec::new();
    for filter in asked.each("_typeFilter") {
        let refused = || Fault::bad("export.type_filter", "Not understood.").at("_typeFilter");
        let (name, query) = filter.split_once('?').ok_or_else(refused)?;
        let kind = name.parse().map_err(|_| refused())?;
        reach.query(kind, &crate::server::pairs(query)?)?;
        queries.push((kind, query.to_owned()));
    }
    let mut kinds = Vec::new();
    for name in asked.list("_type") {
        let kind: Kind =
            name.parse().map_err(|_| Fault::bad("export.type", "Not a type of R4.").at("_type"))?;
        kinds.push(kind);
    }
    if kinds.is_empty() {
        kinds = Kind::all().filter(|kind| !OWN.contains(&kind.name())).collect();
    }
    let chunks: Vec<Option<(usize, usize)>> = match members {
        None => vec![None],
        Some(keys) => (0..keys.len())
            .step_by(MEMBERS_MAX)
            .map(|from| Some((from, (from + MEMBERS_MAX).min(keys.len()))))
            .collect(),
    };
    let each = kinds.iter().flat_map(|kind| {
        let own = queries.iter().filter(|(other, _)| other == kind);
        let own: Vec<String> = own.map(|(_, query)| query.clone()).collect();
        let kind = kind.number();
        chunks.iter().map(move |chunk| Task { kind, queries: own.clone(), members: *chunk })
    });
    Ok(each.collect())
}

fn url(request: &FhirRequest) -> String {
    let mut url = format!("{}/{}", request.base, request.path.join("/"));
    if let Some(query) = &request.query {
        url.push('?');
        url.push_str(query);
    }
    url
}

/// An id that nobody guesses; whose it is, is checked all the same.
fn new_id(caller: &Caller, now: i64) -> String {
    let random: [u8; 16] = rand::random();
    let parts = [&random[..], caller.actor.as_str().as_bytes(), &now.to_be_bytes()];
    Digest::of_parts(&parts).hex()[..32].to_owned()
}
