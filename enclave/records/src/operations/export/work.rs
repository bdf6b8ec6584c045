//! The work of an export: one search at a time, each kept before the next begins. A step that
//! was cut off is made again and finds the same.

use autoclave_fhir::Kind;
use autoclave_record::consent::Act;
use autoclave_search::{Filter, Page};

use super::super::reach::Reach;
use super::super::run::fault;
use super::Export;
use super::job::{self, Job, PLACES_MAX, Spot, State};
use crate::server::{Fault, Granted, Server};

impl Export {
    /// Makes one search of a job; `false` where it has none left, or is gone.
    pub(super) fn step(&self, server: &Server, id: &str) -> Result<bool, Fault> {
        let Some(job) = self.job(id)? else { return Ok(false) };
        if job.task().is_none() {
            if job.state == State::Running {
                self.change(id, |job| job.found(&[], server.guard().now_ms()))?;
            }
            return Ok(false);
        }
        match search(server, &job) {
            Ok(spots) => {
                if !spots.is_empty() {
                    self.vault.put(&job::file(id, job.files.len()), &job::write(&spots))?;
                }
                let now = server.guard().now_ms();
                let is_running = self.change(id, |job| {
                    job.found(&spots, now);
                    job.state == State::Running
                })?;
                Ok(is_running.unwrap_or(false))
            }
            Err(error) => {
                self.change(id, |job| job.state = State::Failed)?;
                Err(error)
            }
        }
    }
}

/// The next places of the task under way.
fn search(server: &Server, job: &Job) -> Result<Vec<Spot>, Fault> {
    let caller = job.owner.caller().ok_or_else(|| Fault::internal("an export's owner"))?;
    let granted = Granted { rules: job.rules(), narrowed: job.narrowed.clone() };
    let reach = Reach::new(server, &caller, granted, Act::Disclose)?;
    let Some(task) = job.task() else { return Ok(Vec::new()) };
    let kind = Kind::from_number(task.kind).map_err(|_| Fault::internal("an export's type"))?;
    let mut all = vec![Filter::Everything];
    if let Some(from) = job.since {
        all.push(Filter::Updated { from: Some(from), to: None });
    }
    if let Some(members) = job.members_of(task) {
        let each = members.iter().map(|patient| Filter::Compartment { patient: *patient });
        all.push(Filter::Any(each.collect()));
    }
    if !task.queries.is_empty() {
        let queries = task
            .queries
            .iter()
            .map(|text| reach.query(kind, &crate::server::pairs(text)?).map(|query| query.filter));
        all.push(Filter::Any(queries.collect::<Result<_, Fault>>()?));
    }
    let filter =
        reach.filter(kind, if all.len() == 1 { all.remove(0) } else { Filter::All(all) })?;
    let page = job.after.map_or(Page::First, Page::After);
    let hits = server
        .store()
        .read(caller.tenant, |view| {
            view.search(kind, &filter, reach.visible.hidden(), &[], &page, PLACES_MAX)
        })
        .map_err(fault)?;
    Ok(hits.iter().map(|hit| (hit.row, hit.key)).collect())
}
