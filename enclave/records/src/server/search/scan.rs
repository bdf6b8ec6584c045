//! From a filter to the matches of a page: what rows alone cannot decide is decided on the
//! opened resource, one by one, within a bound.

use std::cmp::Ordering;

use autoclave_record::Purpose;
use autoclave_search::{Page, Sort, SortKey, sort_value};
use http::StatusCode;

use super::{Found, Reach, is_ours_to_sort};
use crate::server::fault::Fault;
use crate::server::paging::Cursor;
use crate::server::session::{Session, tree};
use crate::store::{Stored, View};

/// Resources that are opened at once where each must be decided.
const CHUNK: u32 = 250;
/// Resources that one page may open to find its matches; then it is a short page.
const OPENED_PER_PAGE_MAX: usize = 5_000;
/// Resources that are opened to be counted or put in order.
const OPENED_MAX: usize = 50_000;

/// The matches behind a cursor.
pub(super) fn page(
    session: &Session<'_>,
    view: &mut View<'_>,
    reaches: &[Reach],
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Found, Fault> {
    if is_ours_to_sort(reaches) {
        return sorted(session, view, reaches, cursor, limit);
    }
    let (from, mut after) = match cursor {
        Some(Cursor::Kind(number, row)) => (*number, Page::After(*row)),
        Some(Cursor::Row(row)) => (0, Page::After(*row)),
        _ => (0, Page::First),
    };
    let mut found = Found::default();
    for reach in reaches.iter().filter(|reach| reach.kind.number() >= from) {
        if found.matches.len() == limit {
            // A further type may have nothing: an empty last page is better than one look more.
            found.next = Some(Cursor::Kind(reach.kind.number(), 0));
            return Ok(found);
        }
        let rest = limit - found.matches.len();
        let start = std::mem::replace(&mut after, Page::First);
        let (matches, more) = some(session, view, reach, start, rest)?;
        found.matches.extend(matches);
        if let Some(row) = more {
            found.next = Some(match reaches.len() {
                1 => Cursor::Row(row),
                _ => Cursor::Kind(reach.kind.number(), row),
            });
            return Ok(found);
        }
    }
    Ok(found)
}

/// At most `limit` matches of one type, and the row behind which there may be more.
fn some(
    session: &Session<'_>,
    view: &mut View<'_>,
    reach: &Reach,
    mut from: Page,
    limit: usize,
) -> Result<(Vec<Stored>, Option<i64>), Fault> {
    let hidden = session.visible.hidden();
    let is_checked = is_checked(session, reach);
    let (mut matches, mut opened) = (Vec::new(), 0);
    loop {
        let rest = limit - matches.len();
        let wanted = if is_checked { CHUNK } else { u32::try_from(rest + 1).unwrap_or(u32::MAX) };
        let order = reach.query.sort.as_slice();
        let hits = view.search(reach.kind, &reach.filter, hidden, order, &from, wanted)?;
        let is_last = hits.len() < wanted as usize;
        let taken = if is_checked { hits.len() } else { hits.len().min(rest) };
        let rows: Vec<i64> = hits[..taken].iter().map(|hit| hit.row).collect();
        opened += rows.len();
        for stored in view.open(&rows)? {
            if is_checked && !passes(session, reach, &stored)? {
                continue;
            }
            matches.push(stored);
            if is_checked && matches.len() == limit {
                let last = matches.last().map(|stored| stored.row);
                let is_end = is_last && rows.last().copied() == last;
                return Ok((matches, last.filter(|_| !is_end)));
            }
        }
        let Some(last) = rows.last().copied() else { return Ok((matches, None)) };
        if is_last {
            return Ok((matches, None));
        }
        if !is_checked || opened >= OPENED_PER_PAGE_MAX {
            return Ok((matches, Some(last)));
        }
        from = Page::After(last);
    }
}

/// Whether rows alone cannot say what is a match for this caller.
fn is_checked(session: &Session<'_>, reach: &Reach) -> bool {
    reach.query.needs_check()
        || session.visible.is_partly()
        || session.caller.purpose == Purpose::BreakTheGlass
}

fn passes(session: &Session<'_>, reach: &Reach, stored: &Stored) -> Result<bool, Fault> {
    let Some(document) = &stored.document else { return Ok(false) };
    let node = tree(document)?;
    Ok(reach.query.confirms(&node) && session.visible.admits(stored, &node))
}

/// How many matches there are.
pub(super) fn count(
    session: &Session<'_>,
    view: &mut View<'_>,
    reach: &Reach,
) -> Result<u64, Fault> {
    if !is_checked(session, reach) {
        return Ok(view.count(reach.kind, &reach.filter, session.visible.hidden())?);
    }
    let mut total = 0;
    each(session, view, reach, &mut 0, |_| total += 1)?;
    Ok(total)
}

/// Every match of a type, in the order of storing; too many are refused.
fn each(
    session: &Session<'_>,
    view: &mut View<'_>,
    reach: &Reach,
    opened: &mut usize,
    mut then: impl FnMut(Stored),
) -> Result<(), Fault> {
    let (hidden, is_checked) = (session.visible.hidden(), is_checked(session, reach));
    let mut from = Page::First;
    loop {
        let hits = view.search(reach.kind, &reach.filter, hidden, &[], &from, CHUNK)?;
        *opened += hits.len();
        if *opened > OPENED_MAX {
            return Err(too_costly());
        }
        let rows: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
        for stored in view.open(&rows)? {
            if !is_checked || passes(session, reach, &stored)? {
                then(stored);
            }
        }
        match rows.last() {
            Some(last) if rows.len() == CHUNK as usize => from = Page::After(*last),
            _ => return Ok(()),
        }
    }
}

/// A match with the values by which it is ordered.
struct Placed {
    values: Vec<Option<String>>,
    stored: Stored,
}

/// An order that the database cannot make: everything is opened, and a page begins behind the
/// values that the one before ended with.
fn sorted(
    session: &Session<'_>,
    view: &mut View<'_>,
    reaches: &[Reach],
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Found, Fault> {
    let order = reaches.first().map_or(&[][..], |reach| reach.query.sort.as_slice());
    let (mut placed, mut opened, mut broken) = (Vec::new(), 0, None);
    for reach in reaches {
        each(session, view, reach, &mut opened, |stored| match values(order, &stored) {
            Ok(values) => placed.push(Placed { values, stored }),
            Err(fault) => broken = Some(fault),
        })?;
    }
    if let Some(fault) = broken {
        return Err(fault);
    }
    placed.sort_by(|one, other| {
        compare(order, (&one.values, one.stored.row), (&other.values, other.stored.row))
    });
    if let Some(Cursor::Values(values, row)) = cursor {
        let is_behind = |one: &Placed| {
            compare(order, (&one.values, one.stored.row), (values, *row)) == Ordering::Greater
        };
        placed.retain(is_behind);
    }
    let next = (placed.len() > limit)
        .then(|| placed[..limit].last())
        .flatten()
        .map(|last| Cursor::Values(last.values.clone(), last.stored.row));
    placed.truncate(limit);
    Ok(Found { matches: placed.into_iter().map(|placed| placed.stored).collect(), next })
}

fn values(order: &[Sort], stored: &Stored) -> Result<Vec<Option<String>>, Fault> {
    let Some(document) = &stored.document else { return Ok(vec![None; order.len()]) };
    let node = tree(document)?;
    let value = |sort: &Sort| match sort.key {
        SortKey::Stored => None,
        SortKey::Updated => Some(format!("{:020}", stored.updated)),
        SortKey::Span(parameter) | SortKey::Opened(parameter) => {
            sort_value(parameter, stored.kind, &node)
        }
    };
    Ok(order.iter().map(value).collect())
}

type Place<'a> = (&'a [Option<String>], i64);

fn value(place: Place<'_>, at: usize) -> Option<&str> {
    place.0.get(at)?.as_deref()
}

/// What has no value comes last in either direction; rows break ties.
fn compare(order: &[Sort], one: Place<'_>, other: Place<'_>) -> Ordering {
    for (at, sort) in order.iter().enumerate() {
        let (left, right) = (value(one, at), value(other, at));
        let ordering = match (left, right) {
            (Some(left), Some(right)) if sort.descending => right.cmp(left),
            (Some(left), Some(right)) => left.cmp(right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    one.1.cmp(&other.1)
}

fn too_costly() -> Fault {
    let text = "The search would open too many resources; narrow it.";
    Fault::new(StatusCode::FORBIDDEN, "too-costly", "search.too_costly", text)
}
