//! `$import`: NDJSON in bulk, after HL7's draft of bulk import. The hospital's. Lines come in
//! the request's body, or from files of one configured folder; a job reads them in batches,
//! each all or nothing, and remembers how far it is. A batch that was cut off is made again:
//! what is there already, byte for byte, is left as it is.

mod ask;
mod batch;
mod job;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::{Method, StatusCode};

use super::reply;
use super::run::blocking;
use super::vault::{Vault, VaultError};
use crate::server::{
    Access, Action, Call, Called, Caller, Fault, FhirRequest, Operation, Place, Server,
};
use job::{Job, State};

/// Jobs that may run or be remembered at one time, of one tenant.
const JOBS_MAX: usize = 32;
/// How long a report is kept.
const KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// The operation and its jobs. Clones share them.
#[derive(Clone)]
pub(super) struct Import {
    vault: Arc<Vault>,
    /// Where files may be taken from; none: only from requests.
    folder: Option<PathBuf>,
}

impl Import {
    pub(super) const fn new(vault: Arc<Vault>, folder: Option<PathBuf>) -> Self {
        Self { vault, folder }
    }

    /// Goes on with every job that was under way, and forgets those that are over.
    pub(super) fn resume(&self, server: &Server) -> Result<(), VaultError> {
        for job in self.jobs()? {
            if job.is_over(server.guard().now_ms()) {
                self.forget(&job)?;
            } else if job.state == State::Running {
                self.spawn(server, job.id);
            }
        }
        Ok(())
    }

    fn spawn(&self, server: &Server, id: String) {
        let (import, server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            loop {
                let (one, own, id) = (import.clone(), server.clone(), id.clone());
                match blocking(move || one.step(&own, &id)).await {
                    Ok(Some((caller, access))) => {
                        if server.guard().record(&caller, access).await.is_err() {
                            tracing::error!("an import stopped: no ledger line");
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(fault) => {
                        tracing::error!(code = fault.code(), "an import stopped");
                        return;
                    }
                }
            }
        });
    }

    /// Reads and stores one batch; what it touched, or `None` where none is left.
    fn step(&self, server: &Server, id: &str) -> Result<Option<(Caller, Access)>, Fault> {
        let Some(mut job) = self.job(id)? else { return Ok(None) };
        let caller = job.owner.caller().ok_or_else(|| Fault::internal("an import's owner"))?;
        let now = server.guard().now_ms();
        let Some(lines) = self.lines(&job)? else {
            job.finish(now);
            self.vault.put_json(&job::name(id), &job)?;
            self.release(&job)?;
            return Ok(None);
        };
        let done = batch::store(server, &caller, &job, &lines)?;
        if !done.errors.is_empty() {
            self.vault.put(&job::errors(id, job.batch), &done.errors)?;
        }
        let access = Access {
            action: Action::Operation("import"),
            kind: None,
            subjects: done.subjects.clone(),
            count: done.stored,
            granted: true,
            glass: false,
            rules: job.rules(),
        };
        job.advance(&lines, &done);
        // Cancelled meanwhile: it stays so.
        if self.job(id)?.is_some() {
            self.vault.put_json(&job::name(id), &job)?;
        }
        Ok(Some((caller, access)))
    }

    fn jobs(&self) -> Result<Vec<Job>, VaultError> {
        let names = self.vault.names("job-import-")?;
        names.iter().filter_map(|name| self.vault.get_json(name).transpose()).collect()
    }

    fn job(&self, id: &str) -> Result<Option<Job>, VaultError> {
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        self.vault.get_json(&job::name(id))
    }

    /// Removes what is left of uploads.
    fn release(&self, job: &Job) -> Result<(), VaultError> {
        for name in self.vault.names(&job::upload(&job.id, ""))? {
            self.vault.remove(&name)?;
        }
        Ok(())
    }

    fn forget(&self, job: &Job) -> Result<(), VaultError> {
        self.vault.remove(&job::name(&job.id))?;
        self.release(job)?;
        for name in self.vault.names(&format!("errors-import-{}.", job.id))? {
            self.vault.remove(&name)?;
        }
        Ok(())
    }
}

impl Operation for Import {
    fn name(&self) -> &'static str {
        "import"
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::System]
    }

    /// Its status is asked for with GET; that a job begins with POST is checked here.
    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        "https://autoclave.health/fhir/OperationDefinition/import"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        Box::pin(async move {
            let (import, server) = (self.clone(), server.clone());
            let (caller, request, granted) =
                (call.caller.clone(), call.request.clone(), call.granted);
            let rest = call.rest.to_vec();
            blocking(move || {
                let method = request.method.clone();
                match (rest.as_slice(), &method) {
                    ([], &Method::POST) => import.begin(&server, &caller, &request, &granted.rules),
                    ([job], &Method::GET) => import.status(&server, &caller, &request, job),
                    ([job], &Method::DELETE) => {
                        let job = import.own(&caller, job)?;
                        import.forget(&job)?;
                        Ok(Called { answer: reply::empty(StatusCode::ACCEPTED), access: access() })
                    }
                    ([job, errors], &Method::GET) if errors == "errors" => {
                        import.errors(&caller, job)
                    }
                    _ => Err(Fault::not_found()),
                }
            })
            .await
        })
    }
}

impl Import {
    fn begin(
        &self,
        server: &Server,
        caller: &Caller,
        request: &FhirRequest,
        rules: &[autoclave_ledger::Label],
    ) -> Result<Called, Fault> {
        let now = server.guard().now_ms();
        let own = self.jobs()?.into_iter().filter(|job| job.owner.tenant() == caller.tenant);
        if own.filter(|job| !job.is_over(now)).count() >= JOBS_MAX {
            return Err(Fault::new(
                StatusCode::TOO_MANY_REQUESTS,
                "throttled",
                "import.too_many",
                "There are as many imports as may be; delete one.",
            ));
        }
        let job = ask::job(self, caller, request, rules, now)?;
        self.vault.put_json(&job::name(&job.id), &job)?;
        let mut answer = reply::empty(StatusCode::ACCEPTED);
        reply::set(
            &mut answer,
            "content-location",
            &format!("{}/$import/{}", request.base, job.id),
        );
        self.spawn(server, job.id);
        Ok(Called { answer, access: access() })
    }

    fn status(
        &self,
        server: &Server,
        caller: &Caller,
        request: &FhirRequest,
        id: &str,
    ) -> Result<Called, Fault> {
        let job = self.own(caller, id)?;
        if job.is_over(server.guard().now_ms()) {
            self.forget(&job)?;
            return Err(Fault::not_found());
        }
        let answer = if job.state == State::Running {
            let mut answer = reply::empty(StatusCode::ACCEPTED);
            reply::set(&mut answer, "x-progress", &format!("{} resources read", job.read()));
            reply::set(&mut answer, "retry-after", "1");
            answer
        } else {
            let report = job.report(&request.base);
            reply::bytes(StatusCode::OK, "application/json", report.to_bytes())
        };
        Ok(Called { answer, access: access() })
    }

    fn errors(&self, caller: &Caller, id: &str) -> Result<Called, Fault> {
        let job = self.own(caller, id)?;
        let mut lines = Vec::new();
        for batch in 0..job.batch {
            lines.extend(self.vault.get(&job::errors(id, batch))?.unwrap_or_default());
        }
        let answer = reply::bytes(StatusCode::OK, "application/fhir+ndjson", lines);
        Ok(Called { answer, access: access() })
    }

    fn own(&self, caller: &Caller, id: &str) -> Result<Job, Fault> {
        self.job(id)?.filter(|job| job.owner.is(caller)).ok_or_else(Fault::not_found)
    }
}

fn access() -> Access {
    Access {
        action: Action::Operation("import"),
        kind: None,
        subjects: Vec::new(),
        count: 0,
        granted: true,
        glass: false,
        rules: Vec::new(),
    }
}
