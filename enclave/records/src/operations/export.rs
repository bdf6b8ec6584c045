//! Bulk Data `$export` (of everything, of all patients, of a group), after the HL7 Bulk Data
//! Access guide 2.0. The hospital's. A job finds *which* resources are meant and keeps their
//! places only, sealed; the resources themselves are opened when a file is fetched, for whoever
//! fetches it, under the consents of that moment. So an export under way holds no record, and a
//! patient who is erased or withdraws is in no file from then on.

mod ask;
mod files;
mod job;
mod work;

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use http::{Method, StatusCode};

use super::identity::Identity;
use super::reply;
use super::run::blocking;
use super::vault::{Vault, VaultError};
use crate::server::{Access, Action, Call, Called, Fault, Operation, Place, Server};
use autoclave_fhir::Kind;
use job::{Job, State};

/// Jobs that may run or wait to be fetched at one time, of one tenant.
const JOBS_MAX: usize = 32;
/// How long what a job made can be fetched.
const KEPT_MS: i64 = 24 * 3_600_000;

/// The operation and its jobs. Clones share them.
#[derive(Clone)]
pub(super) struct Export {
    vault: Arc<Vault>,
    /// Held while a job's file is read, changed and kept.
    changing: Arc<Mutex<()>>,
}

impl Export {
    pub(super) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, changing: Arc::new(Mutex::new(())) }
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
        let (export, server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            loop {
                let (export, server, id) = (export.clone(), server.clone(), id.clone());
                match blocking(move || export.step(&server, &id)).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(fault) => {
                        tracing::error!(code = fault.code(), "an export stopped");
                        return;
                    }
                }
            }
        });
    }

    fn jobs(&self) -> Result<Vec<Job>, VaultError> {
        let names = self.vault.names("job-export-")?;
        names.iter().filter_map(|name| self.vault.get_json(name).transpose()).collect()
    }

    fn job(&self, id: &str) -> Result<Option<Job>, VaultError> {
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        self.vault.get_json(&job::name(id))
    }

    fn forget(&self, job: &Job) -> Result<(), VaultError> {
        for file in 0..job.files.len() {
            self.vault.remove(&job::file(&job.id, file))?;
        }
        self.vault.remove(&job::name(&job.id))
    }

    /// Changes a job that is still there.
    fn change<T>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Job) -> T,
    ) -> Result<Option<T>, VaultError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut job) = self.job(id)? else { return Ok(None) };
        let done = work(&mut job);
        self.vault.put_json(&job::name(id), &job)?;
        Ok(Some(done))
    }
}

impl Operation for Export {
    fn name(&self) -> &'static str {
        "export"
    }

    fn places(&self) -> Vec<Place> {
        vec![
            Place::System,
            Place::Type(Kind::known("Patient")),
            Place::Instance(Kind::known("Group")),
        ]
    }

    fn changes(&self) -> bool {
        false
    }

    fn definition(&self) -> &'static str {
        "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"
    }

    fn call<'a>(
        &'a self,
        server: &'a Server,
        call: Call<'a>,
    ) -> BoxFuture<'a, Result<Called, Fault>> {
        Box::pin(async move {
            let (export, server) = (self.clone(), server.clone());
            let (caller, request, granted) =
                (call.caller.clone(), call.request.clone(), call.granted);
            let (kind, id, rest) = (call.kind, call.id.map(str::to_owned), call.rest.to_vec());
            blocking(move || match (rest.as_slice(), &request.method) {
                ([], _) => export.begin(&server, &caller, &request, granted, (kind, id)),
                ([job], &Method::DELETE) => export.cancel(&caller, job),
                ([job], _) => export.status(&server, &caller, &request, job),
                ([job, file], &Method::GET) => export.fetch(&server, &caller, granted, job, file),
                _ => Err(Fault::not_found()),
            })
            .await
        })
    }
}

impl Export {
    fn begin(
        &self,
        server: &Server,
        caller: &crate::server::Caller,
        request: &crate::server::FhirRequest,
        granted: crate::server::Granted,
        over: (Option<Kind>, Option<String>),
    ) -> Result<Called, Fault> {
        let now = server.guard().now_ms();
        let running = self.jobs()?.into_iter().filter(|job| job.owner.tenant() == caller.tenant);
        if running.filter(|job| !job.is_over(now)).count() >= JOBS_MAX {
            return Err(Fault::new(
                StatusCode::TOO_MANY_REQUESTS,
                "throttled",
                "export.too_many",
                "There are as many exports as may be; delete one.",
            ));
        }
        let job = ask::job(server, caller, request, granted, over)?;
        self.vault.put_json(&job::name(&job.id), &job)?;
        let mut answer = reply::empty(StatusCode::ACCEPTED);
        reply::set(
            &mut answer,
            "content-location",
            &format!("{}/$export/{}", request.base, job.id),
        );
        let access = access(0, job.rules());
        self.spawn(server, job.id);
        Ok(Called { answer, access })
    }

    fn status(
        &self,
        server: &Server,
        caller: &crate::server::Caller,
        request: &crate::server::FhirRequest,
        id: &str,
    ) -> Result<Called, Fault> {
        let job = self.own(caller, id)?;
        let mut answer = match &job.state {
            State::Running => {
                let mut answer = reply::empty(StatusCode::ACCEPTED);
                let progress = format!("{} of {} searches", job.at, job.tasks.len());
                reply::set(&mut answer, "x-progress", &progress);
                reply::set(&mut answer, "retry-after", "1");
                answer
            }
            State::Failed => {
                return Err(Fault::internal("an export failed"));
            }
            State::Done { at } => {
                if server.guard().now_ms() > at + KEPT_MS {
                    self.forget(&job)?;
                    return Err(Fault::not_found());
                }
                let manifest = job.manifest(&request.base);
                let mut answer =
                    reply::bytes(StatusCode::OK, "application/json", manifest.to_bytes());
                reply::set(&mut answer, "expires", &crate::server::http_date(at + KEPT_MS));
                answer
            }
        };
        reply::set(&mut answer, "cache-control", "no-store");
        Ok(Called { answer, access: access(0, Vec::new()) })
    }

    fn cancel(&self, caller: &crate::server::Caller, id: &str) -> Result<Called, Fault> {
        let job = self.own(caller, id)?;
        self.forget(&job)?;
        Ok(Called { answer: reply::empty(StatusCode::ACCEPTED), access: access(0, Vec::new()) })
    }

    /// A job of this caller; another's is not there.
    fn own(&self, caller: &crate::server::Caller, id: &str) -> Result<Job, Fault> {
        self.job(id)?.filter(|job| job.owner.is(caller)).ok_or_else(Fault::not_found)
    }
}

fn access(count: u64, rules: Vec<autoclave_ledger::Label>) -> Access {
    Access {
        action: Action::Operation("export"),
        kind: None,
        subjects: Vec::new(),
        count,
        granted: true,
        glass: false,
        rules,
    }
}

/// Who started a job, for the parts of this module.
fn identity(caller: &crate::server::Caller) -> Identity {
    Identity::of(caller)
}
