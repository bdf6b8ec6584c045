//! The files of an export, made when they are fetched: each place is opened as it stood at the
//! export's time, and told only where whoever fetches may meet it now.

use std::collections::HashMap;

use autoclave_fhir::Kind;
use autoclave_record::consent::Act;
use autoclave_search::Query;
use http::StatusCode;

use super::super::reach::Reach;
use super::super::reply;
use super::super::run::fault;
use super::Export;
use super::job::{self, Job, Spot, State, Task};
use crate::server::{Called, Caller, Fault, Granted, Server};
use crate::store::{Hidden, Past, Scope, StoreError, Stored, View};

/// Resources that are opened at once.
const OPENED: usize = 500;

impl Export {
    /// One file, for whoever started the job.
    pub(super) fn fetch(
        &self,
        server: &Server,
        caller: &Caller,
        granted: Granted,
        id: &str,
        file: &str,
    ) -> Result<Called, Fault> {
        let job = self.own(caller, id)?;
        let at: usize = file.parse().map_err(|_| Fault::not_found())?;
        let is_ready = matches!(job.state, State::Done { .. });
        let info = job.files.get(at).filter(|_| is_ready).ok_or_else(Fault::not_found)?;
        let task = job.tasks.get(info.task).ok_or_else(Fault::not_found)?;
        let kind = Kind::from_number(task.kind).map_err(|_| Fault::not_found())?;
        let spots = self.vault.get(&job::file(id, at))?.ok_or_else(Fault::not_found)?;
        let mut reach = Reach::new(server, caller, granted, Act::Disclose)?;
        let queries = checks(&reach, task, kind)?;
        let mut lines = Vec::new();
        for chunk in job::read(&spots).chunks(OPENED) {
            let opened = server
                .store()
                .read(caller.tenant, |view| standing(view, chunk, job.started))
                .map_err(fault)?;
            for stored in opened {
                line(&mut reach, &job, task, &queries, &stored, &mut lines)?;
            }
        }
        let answer = reply::bytes(StatusCode::OK, "application/fhir+ndjson", lines);
        Ok(Called { answer, access: reach.access("export", Some(kind)) })
    }
}

/// The queries of a `_typeFilter` that the index alone cannot decide.
fn checks(reach: &Reach, task: &Task, kind: Kind) -> Result<Vec<Query>, Fault> {
    let each = task.queries.iter();
    let all: Vec<Query> = each
        .map(|text| reach.query(kind, &crate::server::pairs(text)?))
        .collect::<Result<_, Fault>>()?;
    // Where one of them needs no check, its matches cannot be told from those of the others.
    let needed = all.iter().all(Query::needs_check);
    Ok(if needed { all } else { Vec::new() })
}

/// The resources of these places as they stood at a time; those that were erased are gone.
fn standing(view: &mut View<'_>, spots: &[Spot], time: i64) -> Result<Vec<Stored>, StoreError> {
    let rows: Vec<i64> = spots.iter().map(|(row, _)| *row).collect();
    let newest = view.open(&rows)?.into_iter().filter(|stored| stored.updated <= time);
    let mut by_row: HashMap<i64, Stored> = newest.map(|stored| (stored.row, stored)).collect();
    let mut all = Vec::with_capacity(spots.len());
    for (row, key) in spots {
        match by_row.remove(row) {
            Some(stored) => all.push(stored),
            // Changed or deleted since: the version of that time.
            None => all.extend(then(view, *key, time)?),
        }
    }
    Ok(all)
}

fn then(view: &mut View<'_>, key: i64, time: i64) -> Result<Option<Stored>, StoreError> {
    let past = Past {
        scope: Scope::Instance(key),
        since: None,
        at: Some((time, time)),
        before: None,
        limit: 1,
    };
    let found = view.history(past, &Hidden::NOBODY)?.into_iter().next();
    Ok(found.filter(|stored| stored.updated <= time && stored.document.is_some()))
}

fn line(
    reach: &mut Reach,
    job: &Job,
    task: &Task,
    queries: &[Query],
    stored: &Stored,
    lines: &mut Vec<u8>,
) -> Result<(), Fault> {
    let Some(document) = &stored.document else { return Ok(()) };
    if job.of_patients && stored.owner.is_none() {
        return Ok(());
    }
    // What is in the compartments of two members is in the file of the one whose it is.
    if let (Some(members), Some(chunk), Some(owner)) =
        (&job.members, job.members_of(task), stored.owner)
        && members.binary_search(&owner).is_ok()
        && !chunk.contains(&owner)
    {
        return Ok(());
    }
    let node = document.node().map_err(|_| Fault::internal("an export's resource"))?;
    // Where there are several, another one's filter may have found it.
    let blind = reach.server.store().blind();
    let means = |query: &Query| match queries.len() {
        1 => query.confirms(&node),
        _ => query
            .means(stored.kind, &stored.id, &node, blind)
            .unwrap_or_else(|| query.confirms(&node)),
    };
    let is_meant = queries.is_empty() || queries.iter().any(means);
    if is_meant && reach.tells(stored, &node) {
        // A line is one line: what its author broke over several is written anew.
        if document.bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            node.write(lines);
        } else {
            lines.extend(document.bytes());
        }
        lines.push(b'\n');
    }
    Ok(())
}
