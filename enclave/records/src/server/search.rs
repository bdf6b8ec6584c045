//! Search: of a type, of a compartment, of the whole system. Pages go on behind the last row
//! that was told, so that writes in between neither repeat a match nor skip one.

mod include;
mod scan;

use std::rc::Rc;

use autoclave_fhir::Kind;
use autoclave_search::{self as search, Filter, Handling, Query, Sort, SortKey, Total};
use bytes::Bytes;
use http::StatusCode;

use super::bundle::{Entry, Head, Writer};
use super::caller::Action;
use super::fault::{Fault, one_issue};
use super::interaction::Over;
use super::message::FhirResponse;
use super::paging::{Cursor, PageState, Paged};
use super::reply;
use super::session::{Fence, Session};
use super::wanted::{Pairs, Summary};
use crate::store::{Stored, View};
pub(crate) use include::shown;

/// Matches on a page where the client says nothing.
const PAGE_DEFAULT: u32 = 50;
/// Matches on a page at most.
pub(crate) const PAGE_MAX: u32 = 1000;
/// Longest query that is paged: it stands in the links.
const QUERY_BYTES_MAX: usize = 16 * 1024;

/// A search, as it was asked.
pub(crate) struct Asked<'q> {
    pub(crate) over: Over,
    /// The query or form as it was sent.
    pub(crate) text: &'q str,
    pub(crate) pairs: Pairs,
    /// What the link `self` says.
    pub(crate) self_url: String,
    /// Of a page behind the first.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) total: Option<u64>,
}

impl Asked<'static> {
    /// A search in a bundle: its first page, with a link to itself that says nothing.
    pub(crate) fn inner(over: Over, pairs: Pairs) -> Self {
        let (self_url, cursor, total) = (String::new(), None, None);
        Self { over, text: "", pairs, self_url, cursor, total }
    }
}

/// A search of one type, understood and fenced in.
pub(crate) struct Reach {
    pub(crate) kind: Kind,
    pub(crate) query: Query,
    pub(crate) filter: Filter,
}

/// The matches of a page.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) matches: Vec<Stored>,
    pub(crate) next: Option<Cursor>,
}

/// Answers a search.
pub(crate) fn search(session: &Session<'_>, asked: &Asked<'_>) -> Result<FhirResponse, Fault> {
    if asked.text.len() > QUERY_BYTES_MAX {
        let text = "The query is longer than 16 KiB.";
        return Err(Fault::new(StatusCode::URI_TOO_LONG, "too-long", "search.too_long", text));
    }
    let store = session.server.store();
    store.read(session.caller.tenant, |view| answered(session, view, asked))
}

/// Answers a search of one snapshot.
pub(crate) fn answered(
    session: &Session<'_>,
    view: &mut View<'_>,
    asked: &Asked<'_>,
) -> Result<FhirResponse, Fault> {
    let reaches = reaches(session, &asked.over, &asked.pairs)?;
    let Some(first) = reaches.first() else { return empty(session, asked) };
    let limit = first.query.count.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    let only_count = session.wanted.summary == Summary::Count || limit == 0;
    let found = if only_count {
        Found::default()
    } else {
        scan::page(session, view, &reaches, asked.cursor.as_ref(), limit as usize)?
    };
    let total = total(session, view, &reaches, asked, &found, only_count)?;
    let included = include::included(session, view, &reaches, &found.matches)?;
    let is_match = |stored: &Stored| session.note(Action::Search, Some(stored.kind), stored.owner);
    found.matches.iter().chain(&included).for_each(is_match);
    let next = found.next.clone().map(|cursor| next_link(session, asked, cursor, total));
    let links = links(asked, next.transpose()?);
    let bundle = written(session, &reaches, &found, &included, total, &links)?;
    Ok(reply::json(StatusCode::OK, bundle, &session.wanted))
}

/// The types that are searched, each with its query.
pub(crate) fn reaches(
    session: &Session<'_>,
    over: &Over,
    pairs: &[(String, String)],
) -> Result<Vec<Reach>, Fault> {
    let handling = if session.wanted.is_lenient { Handling::Lenient } else { Handling::Strict };
    let compartment = match over {
        Over::Compartment(id, _) => Some(id.as_str()),
        _ => None,
    };
    let mut reaches = Vec::new();
    for (kind, fence) in kinds(session, over, pairs)? {
        let query = session.query(kind, compartment, pairs, handling)?;
        let filter = session.within(&fence, kind, query.filter.clone())?;
        reaches.push(Reach { kind, query, filter });
    }
    Ok(reaches)
}

type Fenced = (Kind, Rc<Fence>);

fn kinds(
    session: &Session<'_>,
    over: &Over,
    pairs: &[(String, String)],
) -> Result<Vec<Fenced>, Fault> {
    let permitted = |kind| Ok((kind, session.permit(Action::Search, Some(kind))?));
    if let Some(kind) = over.kind() {
        return Ok(vec![permitted(kind)?]);
    }
    let mut listed = listed(pairs)?;
    // Pages go on by the numbers of types.
    listed.sort_unstable();
    if !listed.is_empty() {
        return listed.into_iter().map(permitted).collect();
    }
    session.permit(Action::Search, None)?;
    let is_meant = |kind: &Kind| matches!(over, Over::System) || search::is_of_patients(*kind);
    let all = Kind::all().filter(is_meant);
    Ok(all.filter_map(|kind| Some((kind, session.may(Action::Search, kind)?))).collect())
}

/// The first matches of a condition, as far as this caller may meet them.
pub(crate) fn first(
    session: &Session<'_>,
    view: &mut View<'_>,
    kind: Kind,
    fence: &Rc<Fence>,
    pairs: &[(String, String)],
    limit: usize,
) -> Result<Vec<Stored>, Fault> {
    let query = session.query(kind, None, pairs, Handling::Strict)?;
    if query.filter == Filter::Everything {
        let text = "The condition names nothing that a resource could be found by.";
        let status = StatusCode::PRECONDITION_FAILED;
        return Err(Fault::new(status, "required", "condition.empty", text));
    }
    let filter = session.within(fence, kind, query.filter.clone())?;
    let reach = Reach { kind, query, filter };
    Ok(scan::page(session, view, &[reach], None, limit)?.matches)
}

/// The types of `_type`, none twice.
pub(crate) fn listed(pairs: &[(String, String)]) -> Result<Vec<Kind>, Fault> {
    let mut kinds = Vec::new();
    for (_, value) in pairs.iter().filter(|(name, _)| name == "_type") {
        for name in value.split(',').map(str::trim) {
            let text = "_type names a type that FHIR R4 does not have.";
            let refused = |_| Fault::bad("search.type_unknown", text).at("_type");
            let kind = name.parse().map_err(refused)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    Ok(kinds)
}

/// The order, where it is not the store's to make: over several types, or by opened values.
pub(crate) fn is_ours_to_sort(reaches: &[Reach]) -> bool {
    let order = reaches.first().map_or(&[][..], |reach| reach.query.sort.as_slice());
    let is_opened = |sort: &Sort| matches!(sort.key, SortKey::Opened(_));
    !order.is_empty() && (reaches.len() > 1 || order.iter().any(is_opened))
}

fn total(
    session: &Session<'_>,
    view: &mut View<'_>,
    reaches: &[Reach],
    asked: &Asked<'_>,
    found: &Found,
    only_count: bool,
) -> Result<Option<u64>, Fault> {
    let is_all = asked.cursor.is_none() && found.next.is_none() && !only_count;
    if is_all {
        return Ok(Some(found.matches.len() as u64));
    }
    if asked.total.is_some() {
        return Ok(asked.total);
    }
    let wish = reaches.first().map_or(Total::None, |reach| reach.query.total);
    if !only_count && !matches!(wish, Total::Accurate | Total::Estimate) {
        return Ok(None);
    }
    let mut total = 0;
    for reach in reaches {
        total += scan::count(session, view, reach)?;
    }
    Ok(Some(total))
}

fn next_link(
    session: &Session<'_>,
    asked: &Asked<'_>,
    cursor: Cursor,
    total: Option<u64>,
) -> Result<String, Fault> {
    let what = match asked.over {
        Over::Compartment(..) => Paged::CompartmentSearch,
        _ => Paged::Search,
    };
    let mut state = PageState::new(what, &asked.over, asked.text, cursor, session.now);
    state.total = total;
    state.is_lenient = session.wanted.is_lenient;
    let sealed = session.server.pager().seal(session.caller, &state)?;
    Ok(format!("{}?page={sealed}", session.base))
}

fn links(asked: &Asked<'_>, next: Option<String>) -> Vec<(&'static str, String)> {
    let mut links = vec![("self", asked.self_url.clone())];
    links.extend(next.map(|next| ("next", next)));
    links
}

fn empty(session: &Session<'_>, asked: &Asked<'_>) -> Result<FhirResponse, Fault> {
    let links = links(asked, None);
    let bundle = written(session, &[], &Found::default(), &[], Some(0), &links)?;
    Ok(reply::json(StatusCode::OK, bundle, &session.wanted))
}

fn written(
    session: &Session<'_>,
    reaches: &[Reach],
    found: &Found,
    included: &[Stored],
    total: Option<u64>,
    links: &[(&'static str, String)],
) -> Result<Vec<u8>, Fault> {
    let head = Head { kind: "searchset", at: session.now, total, links };
    let size = |stored: &Stored| stored.document.as_ref().map_or(0, |text| text.bytes().len());
    let room = found.matches.iter().chain(included).map(|stored| size(stored) + 160).sum();
    let mut writer = Writer::new(&head, room);
    let matches = found.matches.iter().map(|stored| (stored, "match"));
    for (stored, mode) in matches.chain(included.iter().map(|stored| (stored, "include"))) {
        add(session, &mut writer, stored, mode)?;
    }
    let ignored = reaches.first().map_or(&[][..], |reach| reach.query.ignored.as_slice());
    if !ignored.is_empty() {
        let text = "Search parameters that are not known here were ignored.";
        let names = ignored.join(", ");
        let outcome = one_issue("warning", "not-supported", "search.ignored", text, Some(&names));
        let mode = Some("outcome");
        writer.entry(&Entry { resource: Some(&outcome), mode, ..Entry::default() });
    }
    Ok(writer.finish())
}

/// Adds a resource to a bundle, whole or in part.
pub(crate) fn add(
    session: &Session<'_>,
    writer: &mut Writer,
    stored: &Stored,
    mode: &'static str,
) -> Result<(), Fault> {
    let Some(document) = &stored.document else { return Ok(()) };
    let url = format!("{}/{}/{}", session.base, stored.kind, stored.id);
    let (full_url, mode) = (Some(url.as_str()), Some(mode));
    if session.wanted.is_whole() {
        let resource = Some(document.bytes());
        writer.entry(&Entry { full_url, resource, mode, ..Entry::default() });
    } else {
        let part = Bytes::from(reply::told(document, &session.wanted)?);
        writer.entry(&Entry { full_url, resource: Some(&part), mode, ..Entry::default() });
    }
    Ok(())
}
