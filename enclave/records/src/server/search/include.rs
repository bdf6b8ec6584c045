//! What comes along with matches: `_include` and `_revinclude`, once each, within bounds. A
//! type that the caller may not read is left out, as are patients who are hidden.

use std::collections::HashSet;

use autoclave_search::{Include, Page};

use super::Reach;
use crate::server::caller::Action;
use crate::server::fault::Fault;
use crate::server::session::{Session, tree};
use crate::store::{Stored, View};

/// How often `:iterate` goes on.
const ROUNDS_MAX: usize = 6;
/// Resources that come along with one page at most.
const INCLUDED_MAX: usize = 5_000;
/// Referring resources that are looked up at once.
const CHUNK: u32 = 500;

/// Everything that comes along with the matches.
pub(super) fn included(
    session: &Session<'_>,
    view: &mut View<'_>,
    reaches: &[Reach],
    matches: &[Stored],
) -> Result<Vec<Stored>, Fault> {
    let includes = reaches.first().map_or(&[][..], |reach| reach.query.includes.as_slice());
    if includes.is_empty() || matches.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen: HashSet<i64> = matches.iter().map(|stored| stored.key).collect();
    let mut all: Vec<Stored> = Vec::new();
    let mut from = 0;
    for round in 0..ROUNDS_MAX {
        let new = {
            let frontier = if round == 0 { matches } else { &all[from..] };
            if frontier.is_empty() {
                break;
            }
            let applies = |include: &&Include| round == 0 || include.iterates();
            let includes: Vec<&Include> = includes.iter().filter(applies).collect();
            further(session, view, &includes, frontier, &mut seen)?
        };
        from = all.len();
        all.extend(new);
        if all.len() >= INCLUDED_MAX {
            all.truncate(INCLUDED_MAX);
            break;
        }
    }
    Ok(all)
}

fn further(
    session: &Session<'_>,
    view: &mut View<'_>,
    includes: &[&Include],
    frontier: &[Stored],
    seen: &mut HashSet<i64>,
) -> Result<Vec<Stored>, Fault> {
    let mut keys = Vec::new();
    if includes.iter().any(|include| !include.is_reverse()) {
        for document in frontier.iter().filter_map(|stored| stored.document.as_ref()) {
            let node = tree(document)?;
            let forward = includes.iter().filter(|include| !include.is_reverse());
            for (kind, id) in forward.flat_map(|include| include.targets(&node)) {
                let key = session.blind().reference(kind, &id);
                if seen.insert(key) {
                    keys.push(key);
                }
            }
        }
    }
    let mut found = shown(session, view, &keys)?;
    let of: Vec<i64> = frontier.iter().map(|stored| stored.key).collect();
    for include in includes.iter().filter(|include| include.is_reverse()) {
        let keys = referring(session, view, include, &of, seen)?;
        found.extend(shown(session, view, &keys)?);
    }
    Ok(found)
}

fn referring(
    session: &Session<'_>,
    view: &mut View<'_>,
    include: &Include,
    of: &[i64],
    seen: &mut HashSet<i64>,
) -> Result<Vec<i64>, Fault> {
    let mut keys = Vec::new();
    let Some((kind, filter)) = include.sources(of) else { return Ok(keys) };
    let Some(fence) = session.may(Action::Search, kind) else { return Ok(keys) };
    let filter = session.within(&fence, kind, filter)?;
    let mut from = Page::First;
    loop {
        let hits = view.search(kind, &filter, session.visible.hidden(), &[], &from, CHUNK)?;
        keys.extend(hits.iter().map(|hit| hit.key).filter(|key| seen.insert(*key)));
        match hits.last() {
            Some(last) if hits.len() == CHUNK as usize && keys.len() < INCLUDED_MAX => {
                from = Page::After(last.row);
            }
            _ => return Ok(keys),
        }
    }
}

/// The resources of these keys that this caller may be told of.
pub(crate) fn shown(
    session: &Session<'_>,
    view: &mut View<'_>,
    keys: &[i64],
) -> Result<Vec<Stored>, Fault> {
    let mut found = Vec::new();
    if keys.is_empty() {
        return Ok(found);
    }
    for stored in view.by_keys(keys)? {
        let Some(fence) = session.may(Action::Search, stored.kind) else { continue };
        if session.shows_stored(view, &fence, &stored)? {
            found.push(stored);
        }
    }
    Ok(found)
}
