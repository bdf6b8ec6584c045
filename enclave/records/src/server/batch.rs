//! Batches and transactions. A transaction is one change: all entries or none, in FHIR's order
//! (delete, create, update and patch, read), with references between entries resolved. In a
//! batch each entry stands alone; what one is refused does not touch the others.

mod answer;
mod links;
mod plan;

use std::borrow::Cow;
use std::collections::HashSet;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::caller::Action;
use super::dispatch::{self, BUNDLE_BYTES_MAX};
use super::fault::Fault;
use super::interaction::{Interaction, interaction};
use super::message::{FhirRequest, FhirResponse};
use super::provenance;
use super::read;
use super::search::first;
use super::session::Session;
use super::wanted::Pairs;
use super::write::{Body, Done, OUTSIDE, What, id_mismatch, many, write};
use crate::store::{Change, Stored, View};
use answer::{Ended, answer};
use links::Links;
use plan::{Planned, Step};

/// Most entries of one bundle.
pub(crate) const ENTRIES_MAX: usize = 50_000;

/// Answers a bundle.
pub(crate) fn bundle(session: &Session<'_>, request: &FhirRequest) -> Result<FhirResponse, Fault> {
    if request.body.len() > BUNDLE_BYTES_MAX {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let text = "A bundle has at most 256 MiB.";
        return Err(Fault::new(status, "too-long", "request.too_long", text));
    }
    let tree = Node::parse(&request.body)?;
    if tree.text_of("resourceType") != Some("Bundle") {
        let text = "What is posted to the base is a Bundle.";
        return Err(Fault::bad("bundle.not_a_bundle", text).at("resourceType"));
    }
    let is_transaction = match tree.text_of("type") {
        Some("transaction") => true,
        Some("batch") => false,
        _ => {
            let text = "A bundle that is posted is a batch or a transaction.";
            return Err(Fault::bad("bundle.type", text).at("Bundle.type"));
        }
    };
    let entries = entries(tree)?;
    if entries.len() > ENTRIES_MAX {
        let text = "A bundle has at most 50,000 entries.";
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Fault::new(status, "too-costly", "bundle.too_many", text));
    }
    if is_transaction { transaction(session, entries) } else { batch(session, entries) }
}

fn entries(tree: Node<'_>) -> Result<Vec<Node<'_>>, Fault> {
    let Node::Object(members) = tree else { return Ok(Vec::new()) };
    match members.into_iter().find(|(name, _)| name == "entry") {
        None => Ok(Vec::new()),
        Some((_, Node::List(entries))) => Ok(entries),
        Some(_) => Err(Fault::bad("bundle.entry", "Bundle.entry is a list.").at("Bundle.entry")),
    }
}

fn transaction(session: &Session<'_>, entries: Vec<Node<'_>>) -> Result<FhirResponse, Fault> {
    let mut plan = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        plan.push(plan::planned(session, at, entry).map_err(|fault| in_entry(fault, at))?);
    }
    // Reading entries see what the transaction wrote; a stable order keeps equals as they came.
    plan.sort_by_key(|entry| entry.step);
    let store = session.server.store();
    let mut ended = store.change(session.caller.tenant, |change| {
        let ended = all_or_nothing(session, change, plan)?;
        let done = ended.iter().filter_map(|(_, ended)| match ended {
            Ended::Wrote(done) => Some(done),
            _ => None,
        });
        provenance::leave_all(session, change, done)?;
        Ok::<_, Fault>(ended)
    })?;
    session.committed()?;
    ended.sort_by_key(|(at, _)| *at);
    let ended: Vec<Ended> = ended.into_iter().map(|(_, ended)| ended).collect();
    answer(session, "transaction-response", &ended)
}

fn all_or_nothing(
    session: &Session<'_>,
    change: &mut Change<'_>,
    mut plan: Vec<Planned<'_>>,
) -> Result<Vec<(usize, Ended)>, Fault> {
    let mut links = Links::new(&session.server.settings().bases);
    settle(session, change, &mut plan, &mut links)?;
    distinct(&plan)?;
    let mut ended = Vec::with_capacity(plan.len());
    for entry in plan {
        let at = entry.at;
        let one = one(session, change, entry, &links).map_err(|fault| in_entry(fault, at))?;
        ended.push((at, one));
    }
    Ok(ended)
}

/// Decides which resource each conditional entry means, before anything is stored, and where
/// each `fullUrl` leads.
fn settle(
    session: &Session<'_>,
    change: &mut Change<'_>,
    plan: &mut [Planned<'_>],
    links: &mut Links<'_>,
) -> Result<(), Fault> {
    for entry in plan {
        let at = entry.at;
        let settled = settle_one(session, change, entry).map_err(|fault| in_entry(fault, at))?;
        if let (Some(url), Some((kind, id))) = (&entry.full_url, &settled) {
            links.add(url, *kind, id);
        }
        entry.means = settled;
    }
    Ok(())
}

fn settle_one(
    session: &Session<'_>,
    change: &mut Change<'_>,
    entry: &mut Planned<'_>,
) -> Result<Option<(Kind, String)>, Fault> {
    let Step::Write(asked) = &mut entry.what else { return Ok(None) };
    let kind = asked.kind;
    let nothing = What::Delete { id: String::new() };
    let (id, what) = match std::mem::replace(&mut asked.what, nothing) {
        What::Create { id, body, unless: Some(query) } => {
            if let Some(one) = only(session, change, kind, Action::Create, &query)? {
                let id = one.id.clone();
                entry.what = Step::Settled(Done::found(session, one));
                return Ok(Some((kind, id)));
            }
            (id.clone(), What::Create { id, body, unless: None })
        }
        What::UpdateWhere { id, body, query } => {
            let found = only(session, change, kind, Action::Update, &query)?;
            let (id, body) = of_update(found.map(|one| one.id), id, body)?;
            (id.clone(), What::Update { id, body })
        }
        What::PatchWhere { query, patch } => {
            let one = only(session, change, kind, Action::Update, &query)?;
            let id = one.ok_or_else(Fault::not_found)?.id;
            (id.clone(), What::Patch { id, patch })
        }
        What::DeleteWhere { query } => {
            let Some(one) = only(session, change, kind, Action::Delete, &query)? else {
                entry.what = Step::Settled(Done::nothing());
                return Ok(None);
            };
            (one.id.clone(), What::Delete { id: one.id })
        }
        What::Create { id, body, unless: None } => {
            (id.clone(), What::Create { id, body, unless: None })
        }
        What::Update { id, body } => (id.clone(), What::Update { id, body }),
        What::Patch { id, patch } => (id.clone(), What::Patch { id, patch }),
        What::Delete { id } => (id.clone(), What::Delete { id }),
    };
    asked.what = what;
    Ok(Some((kind, id)))
}

/// Where a conditional update leads: to what was found, to the resource's own id, or to a new
/// one; the resource then says so itself.
fn of_update(
    found: Option<String>,
    new: String,
    mut body: Body<'_>,
) -> Result<(String, Body<'_>), Fault> {
    let own = body.node.text_of("id").map(str::to_owned);
    let id = match (found, own) {
        (Some(found), Some(own)) if found != own => return Err(id_mismatch()),
        (Some(found), _) => found,
        (None, Some(own)) => own,
        (None, None) => new,
    };
    body.node.set("id", Node::Text(Cow::Owned(id.clone())));
    Ok((id, body))
}

fn only(
    session: &Session<'_>,
    change: &mut Change<'_>,
    kind: Kind,
    action: Action,
    query: &Pairs,
) -> Result<Option<Stored>, Fault> {
    let fence = session.permit(action, Some(kind))?;
    let mut found = first(session, change, kind, &fence, query, 2)?;
    if found.len() > 1 { Err(many()) } else { Ok(found.pop()) }
}

/// Two writes of one resource in one transaction mean nothing (FHIR R4, 3.1.0.11.2).
fn distinct(plan: &[Planned<'_>]) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    for entry in plan {
        if let Some((kind, id)) = &entry.means
            && matches!(entry.what, Step::Write(_))
            && !seen.insert((*kind, id.as_str()))
        {
            let text = "Two entries of the transaction are about one resource.";
            return Err(in_entry(Fault::bad("bundle.twice", text), entry.at));
        }
    }
    Ok(())
}

/// Each entry by itself: in one change, as every refusal comes before anything is stored.
fn batch(session: &Session<'_>, entries: Vec<Node<'_>>) -> Result<FhirResponse, Fault> {
    let each = entries.into_iter().enumerate();
    let plan: Vec<_> = each.map(|(at, entry)| plan::planned(session, at, entry)).collect();
    let is_write = |entry: &Planned<'_>| matches!(entry.what, Step::Write(_));
    let tenant = session.caller.tenant;
    let ended = if plan.iter().flatten().any(is_write) {
        let store = session.server.store();
        let ended = store.change(tenant, |change| changes(session, change, plan))?;
        session.committed()?;
        ended
    } else {
        session.server.store().read(tenant, |view| Ok::<_, Fault>(reads(session, view, plan)))?
    };
    answer(session, "batch-response", &ended)
}

fn changes(
    session: &Session<'_>,
    change: &mut Change<'_>,
    plan: Vec<Result<Planned<'_>, Fault>>,
) -> Result<Vec<Ended>, Fault> {
    let links = Links::new(&session.server.settings().bases);
    let mut each = |entry| one(session, change, entry, &links);
    let ended = plan.into_iter().map(|entry| entry.and_then(&mut each));
    let ended: Vec<Ended> = ended.map(alone).collect::<Result<_, _>>()?;
    let done = ended.iter().filter_map(|ended| match ended {
        Ended::Wrote(done) => Some(done),
        _ => None,
    });
    provenance::leave_all(session, change, done)?;
    Ok(ended)
}

/// A refusal is one entry's, unless it came after something was stored: then nothing is.
fn alone(ended: Result<Ended, Fault>) -> Result<Ended, Fault> {
    match ended {
        Err(fault) if fault.status().is_server_error() || fault.code() == OUTSIDE => Err(fault),
        other => Ok(other.unwrap_or_else(Ended::Failed)),
    }
}

fn reads(
    session: &Session<'_>,
    view: &mut View<'_>,
    plan: Vec<Result<Planned<'_>, Fault>>,
) -> Vec<Ended> {
    let mut each = |entry: Planned<'_>| match entry.what {
        Step::Read { interaction, pairs, headers } => {
            reading(session, view, &interaction, &pairs, &headers)
        }
        Step::Settled(done) => Ok(Ended::Wrote(done)),
        Step::Write(_) => Err(dispatch::no_such_operation()),
    };
    let ended = plan.into_iter().map(|entry| entry.and_then(&mut each));
    ended.map(|ended| ended.unwrap_or_else(Ended::Failed)).collect()
}

fn one(
    session: &Session<'_>,
    change: &mut Change<'_>,
    entry: Planned<'_>,
    links: &Links<'_>,
) -> Result<Ended, Fault> {
    match entry.what {
        Step::Write(mut asked) => {
            if let What::Create { body, .. }
            | What::Update { body, .. }
            | What::UpdateWhere { body, .. } = &mut asked.what
            {
                links.rewrite(&mut body.node);
                conditional(session, change, &mut body.node)?;
            }
            Ok(Ended::Wrote(write(session, change, asked)?))
        }
        Step::Settled(done) => Ok(Ended::Wrote(done)),
        Step::Read { interaction, pairs, headers } => {
            reading(session, change, &interaction, &pairs, &headers)
        }
    }
}

/// Replaces references such as `Patient?identifier=…` by what they mean: one resource.
fn conditional(
    session: &Session<'_>,
    change: &mut Change<'_>,
    node: &mut Node<'_>,
) -> Result<(), Fault> {
    links::each_conditional(node, &mut |text: &mut Cow<'_, str>| {
        let Some((kind, query)) = text.split_once('?') else { return Ok(()) };
        let Ok(kind) = kind.parse::<Kind>() else { return Ok(()) };
        if let Some(known) = session.references.borrow().get(text.as_ref()) {
            *text = Cow::Owned(known.clone());
            return Ok(());
        }
        let pairs = super::wanted::pairs(query)?;
        let fence = session.permit(Action::Search, Some(kind))?;
        let found = first(session, change, kind, &fence, &pairs, 2)?;
        let [one] = found.as_slice() else {
            let text = "A conditional reference does not mean exactly one resource.";
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(Fault::new(status, "not-found", "condition.reference", text));
        };
        let to = format!("{kind}/{}", one.id);
        session.references.borrow_mut().insert(text.to_string(), to.clone());
        *text = Cow::Owned(to);
        Ok(())
    })
}

fn reading(
    session: &Session<'_>,
    view: &mut View<'_>,
    interaction: &Interaction,
    pairs: &Pairs,
    headers: &HeaderMap,
) -> Result<Ended, Fault> {
    let answer = match interaction {
        Interaction::Read(kind, id) => {
            let stored = read::found(session, view, *kind, id, None)?;
            read::told(session, &stored, headers)?
        }
        Interaction::Vread(kind, id, version) => {
            let stored = read::found(session, view, *kind, id, Some(*version))?;
            read::told(session, &stored, headers)?
        }
        Interaction::Search(over) => {
            let asked = super::search::Asked::inner(over.clone(), pairs.clone());
            super::search::answered(session, view, &asked)?
        }
        _ => return Err(dispatch::no_such_operation()),
    };
    let version = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let version = version.map(str::to_owned);
    Ok(Ended::Read { status: answer.status(), version, body: answer.into_body().to_vec() })
}

/// Says in which entry it was.
fn in_entry(fault: Fault, at: usize) -> Fault {
    if fault.has_place() { fault } else { fault.at(format!("Bundle.entry[{at}]")) }
}

/// Headers of an entry, from what its request says.
fn headers(request: &Node<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, header) in [
        ("ifMatch", "if-match"),
        ("ifNoneMatch", "if-none-match"),
        ("ifNoneExist", "if-none-exist"),
    ] {
        if let Some(value) = request.text_of(name)
            && let Ok(value) = HeaderValue::from_str(value)
        {
            headers.insert(header::HeaderName::from_static(header), value);
        }
    }
    if let Some(value) = request.text_of("ifModifiedSince")
        && let Some((from, _)) = super::moment::span(value)
        && let Ok(value) = HeaderValue::try_from(super::instant::http_date(from))
    {
        headers.insert(header::IF_MODIFIED_SINCE, value);
    }
    headers
}

/// Reads method and URL of an entry's request.
fn asked(session: &Session<'_>, request: &Node<'_>) -> Result<(Method, Interaction, Pairs), Fault> {
    let refused = || {
        let text = "An entry's request has a method of FHIR and a URL.";
        Fault::bad("bundle.request", text)
    };
    let method = request.text_of("method").ok_or_else(refused)?;
    let method = method.parse::<Method>().map_err(|_| refused())?;
    let url = request.text_of("url").ok_or_else(refused)?;
    let url = session.relative(url).unwrap_or(url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = path.trim_start_matches('/').split('/');
    let path: Vec<String> = path.map(super::wanted::decode).collect::<Result<_, _>>()?;
    let interaction = interaction(&method, &path)?;
    Ok((method, interaction, super::wanted::pairs(query)?))
}
