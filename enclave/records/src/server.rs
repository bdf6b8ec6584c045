//! The FHIR server over the sealed store: one function, [`Server::handle`], for every
//! interaction. The clinic's. It knows no door, no session and no rule: who asks is a
//! [`Caller`], what is allowed a [`Guard`] says, and every answer that tells of a record
//! leaves behind its ledger line.

mod batch;
mod bundle;
mod caller;
mod capability;
mod dispatch;
mod everything;
mod fault;
#[cfg(test)]
pub(crate) mod fixtures;
mod history;
mod instant;
mod interaction;
mod message;
mod meta;
mod moment;
mod openapi;
mod operation;
mod paging;
mod patch;
mod provenance;
mod read;
mod reply;
mod search;
mod session;
mod subset;
mod targets;
mod terms;
#[cfg(test)]
mod tests;
mod wanted;
mod write;

use std::sync::Arc;

use autoclave_fhir::Kind;
use bytes::Bytes;
use http::Method;

use crate::store::Store;
use crate::visible::Consents;
use dispatch::Answered;
use interaction::{Interaction, interaction};
use paging::Pager;

pub use caller::{Access, Action, Caller, Granted, Guard, Refused, SUBJECTS_MAX, Scopes};
pub(crate) use instant::{http_date, instant};
pub(crate) use provenance::leave_of;
pub(crate) use session::Session;
pub(crate) use terms::KnownTerms;
pub(crate) use wanted::{Wanted, pairs};

pub use fault::{CODE_SYSTEM, Fault, one_issue};
pub use message::{FhirRequest, FhirResponse};
pub use operation::{Call, Called, Operation, Place};

/// The media type of answers.
pub const MEDIA_TYPE: &str = "application/fhir+json";

/// What a clinic configures.
#[derive(Clone)]
pub struct ServerSettings {
    /// The base under which clients know this server, for absolute references to itself; a
    /// reference that begins with it is the same as a relative one.
    pub bases: Vec<String>,
    /// Whether a write leaves a `Provenance` (one for each request).
    pub provenance: bool,
    /// Whether a reference to nowhere is refused.
    pub references_must_exist: bool,
    /// `token`, `authorize`, `introspect`, `revoke`, … and their URLs, for the
    /// `CapabilityStatement`.
    pub security: Vec<(&'static str, String)>,
    /// Seals paging links; from the records key, for nothing else.
    pub paging_key: autoclave_base::Secret<[u8; 32]>,
}

/// The server. Clones share one.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    store: Store,
    consents: Consents,
    guard: Arc<dyn Guard>,
    settings: ServerSettings,
    pager: Pager,
    operations: Vec<Arc<dyn Operation>>,
}

impl Server {
    /// A server over `store` that answers what `guard` allows.
    pub fn new(
        store: Store,
        guard: Arc<dyn Guard>,
        settings: ServerSettings,
        operations: Vec<Arc<dyn Operation>>,
    ) -> Self {
        let consents = Consents::new(store.clone());
        let pager = Pager::new(&settings.paging_key);
        Self(Arc::new(Inner { store, consents, guard, settings, pager, operations }))
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The consents in force.
    pub fn consents(&self) -> &Consents {
        &self.0.consents
    }

    /// Who decides and remembers.
    pub fn guard(&self) -> &dyn Guard {
        &*self.0.guard
    }

    /// What the clinic configured.
    pub fn settings(&self) -> &ServerSettings {
        &self.0.settings
    }

    /// The operations that the server was given.
    pub fn operations(&self) -> &[Arc<dyn Operation>] {
        &self.0.operations
    }

    fn pager(&self) -> &Pager {
        &self.0.pager
    }

    /// The operation of that name at that place.
    fn operation(
        &self,
        name: &str,
        kind: Option<Kind>,
        is_instance: bool,
    ) -> Option<&Arc<dyn Operation>> {
        let is_here = |place: &Place| match (*place, kind, is_instance) {
            (Place::System, None, _)
            | (Place::AnyType, Some(_), false)
            | (Place::AnyInstance, Some(_), true) => true,
            (Place::Type(of), Some(kind), false) | (Place::Instance(of), Some(kind), true) => {
                of == kind
            }
            _ => false,
        };
        let fits = |operation: &&Arc<dyn Operation>| {
            operation.name() == name && operation.places().iter().any(is_here)
        };
        self.operations().iter().find(fits)
    }

    /// Answers one request. It never fails: what goes wrong is an answer as well. Nothing
    /// leaves before what is to be written down about it is durable.
    pub async fn handle(&self, caller: &Caller, request: FhirRequest) -> FhirResponse {
        let is_head = request.method == Method::HEAD;
        let (mut answer, lines) = self.answered(caller, request).await;
        for access in lines {
            if let Err(refusal) = self.guard().record(caller, access).await {
                answer = Fault::unrecorded(refusal.status()).into_response();
                break;
            }
        }
        if is_head {
            *answer.body_mut() = Bytes::new();
        }
        answer
    }

    async fn answered(&self, caller: &Caller, request: FhirRequest) -> Answered {
        match interaction(&request.method, &request.path) {
            Ok(asked @ Interaction::Operation { .. }) if !is_own(&asked) => {
                dispatch::call(self, caller, &request, &asked).await
            }
            Ok(_) => {
                let (server, caller) = (self.clone(), caller.clone());
                let work = move || dispatch::answer(&server, &caller, &request);
                let done = tokio::task::spawn_blocking(work).await;
                done.unwrap_or_else(|_| (Fault::internal("panic").into_response(), Vec::new()))
            }
            Err(fault) => (fault.into_response(), Vec::new()),
        }
    }
}

/// Whether an operation is the server's own.
fn is_own(asked: &Interaction) -> bool {
    let Interaction::Operation { name, .. } = asked else { return false };
    capability::OWN_OPERATIONS.iter().any(|(own, ..)| own == name)
}
