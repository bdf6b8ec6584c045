//! The `DICOMweb` server: one function, [`Dicomweb::handle`], for every interaction. The
//! hospital's. It knows no door, no session and no rule: who asks is a [`Caller`], what is
//! allowed a [`Guard`] says, and no answer that tells of an image leaves before its ledger line.

mod negotiate;
mod retrieve;
mod search;
mod store;

use std::sync::Arc;

use autoclave_fhir::Kind;
use autoclave_record::Purpose;
use autoclave_record::consent::Act;
use autoclave_records::server::{Access, Action, Caller, Granted, Guard, SUBJECTS_MAX};
use autoclave_records::store::Store;
use autoclave_records::visible::{Consents, Visible};
use http::{HeaderMap, Method, Response};
use tokio::sync::Semaphore;

use crate::blobs::Blobs;
use crate::body::{Body, Chunks};
use crate::fault::Fault;
use crate::identity::Identities;
use crate::path::{PathRefusal, Route};
use crate::shelf::{Asker, Shelf, ShelfError};

/// What a clinic configures.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How identifiers in images relate to those of the records.
    pub identities: Identities,
    /// Most bytes of one instance.
    pub instance_bytes_max: usize,
    /// Most bytes of instances that are held in memory at once, of all requests.
    pub memory_bytes_max: usize,
    /// The id of the `Endpoint` that an `ImagingStudy` names, where there is one.
    pub endpoint: Option<String>,
    /// Whether filing leaves a `Provenance`.
    pub provenance: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            identities: Identities::default(),
            instance_bytes_max: 512 * MEBIBYTE,
            memory_bytes_max: 1024 * MEBIBYTE,
            endpoint: None,
            provenance: true,
        }
    }
}

const MEBIBYTE: usize = 1024 * 1024;

/// A request without its door. No `Debug`: it may name a patient.
pub struct DicomRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// The path behind the base in its parts, percent-decoded.
    pub path: Vec<String>,
    /// The query as it was sent, without `?`.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it comes.
    pub body: Chunks,
    /// The base that the client used, without a slash at its end.
    pub base: String,
}

/// The server. Clones share one.
#[derive(Clone)]
pub struct Dicomweb(Arc<Inner>);

struct Inner {
    shelf: Shelf,
    guard: Arc<dyn Guard>,
    settings: Settings,
    /// One permit for each mebibyte of memory.
    memory: Arc<Semaphore>,
}

/// What was learnt while answering, for the ledger.
struct Told {
    answer: Response<Body>,
    patients: Vec<String>,
    count: u64,
}

/// The request without its body.
struct Head {
    query: Vec<(String, String)>,
    headers: HeaderMap,
    base: String,
}

/// A decision and what follows from it, for the blocking part of a request.
struct Allowed {
    caller: Caller,
    granted: Granted,
    visible: Visible,
    now: i64,
}

impl Allowed {
    const fn asker(&self) -> Asker<'_> {
        Asker {
            caller: &self.caller,
            granted: &self.granted,
            visible: &self.visible,
            now: self.now,
        }
    }
}

impl Dicomweb {
    /// A server over these records and images.
    pub fn new(
        store: Store,
        consents: Consents,
        blobs: Arc<dyn Blobs>,
        guard: Arc<dyn Guard>,
        settings: Settings,
    ) -> Self {
        let shelf = Shelf {
            store,
            consents,
            blobs,
            identities: Arc::new(settings.identities.clone()),
            endpoint: settings.endpoint.as_deref().map(Arc::from),
            provenance: settings.provenance,
        };
        let permits = (settings.memory_bytes_max / MEBIBYTE).clamp(1, Semaphore::MAX_PERMITS);
        let memory = Arc::new(Semaphore::new(permits));
        Self(Arc::new(Inner { shelf, guard, settings, memory }))
    }

    /// The studies and images themselves, for programs in the same enclave.
    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Answers a request. Errors are problem details with a stable code.
    pub async fn handle(&self, caller: &Caller, request: DicomRequest) -> Response<Body> {
        self.answer(caller, request).await.unwrap_or_else(Fault::into_response)
    }

    async fn answer(
        &self,
        caller: &Caller,
        request: DicomRequest,
    ) -> Result<Response<Body>, Fault> {
        let DicomRequest { method, path, query, headers, body, base } = request;
        let route = Route::parse(&method, &path)?;
        let query = query.as_deref().map(crate::query::pairs).unwrap_or_default();
        let head = Head { query, headers, base };
        let action = match route {
            Route::Store(_) => Action::Create,
            Route::Search(..) => Action::Search,
            Route::Retrieve(..) => Action::Read,
        };
        let allowed = Arc::new(self.allow(caller, action).await?);
        let told = match route {
            Route::Store(study) => self.store(&allowed, head, study, body).await?,
            Route::Search(level, study, series) => {
                self.search(&allowed, head, level, study, series).await?
            }
            Route::Retrieve(target, form) => self.retrieve(&allowed, head, target, form).await?,
        };
        // The answer's stream is not shared between threads: it waits aside.
        let Told { mut answer, patients, count } = told;
        self.record(&allowed, action, &patients, count).await?;
        if method == Method::HEAD {
            *answer.body_mut() = Body::EMPTY;
        }
        Ok(answer)
    }

    async fn allow(&self, caller: &Caller, action: Action) -> Result<Allowed, Fault> {
        let kind = Some(Kind::known("ImagingStudy"));
        let granted = match self.0.guard.allow(caller, action, kind) {
            Ok(granted) => granted,
            Err(refused) => {
                let access = Access {
                    action,
                    kind,
                    subjects: Vec::new(),
                    count: 0,
                    granted: false,
                    glass: false,
                    rules: refused.rules,
                };
                self.line(caller, access).await?;
                return Err(Fault::FORBIDDEN);
            }
        };
        let (images, caller, now) = (self.0.shelf.clone(), caller.clone(), self.0.guard.now_ms());
        blocking(move || {
            let visible = images.consents.visible(&caller, Act::Access, now);
            let visible = visible.map_err(|error| Fault::internal(error.code()))?;
            Ok(Allowed { caller, granted, visible, now })
        })
        .await
    }

    async fn record(
        &self,
        allowed: &Allowed,
        action: Action,
        patients: &[String],
        count: u64,
    ) -> Result<(), Fault> {
        let blind = self.0.shelf.store.blind();
        let patient = Kind::known("Patient");
        let patients = patients.iter().take(SUBJECTS_MAX);
        let access = Access {
            action,
            kind: Some(Kind::known("ImagingStudy")),
            subjects: patients.map(|id| blind.reference(patient, id)).collect(),
            count,
            granted: true,
            glass: allowed.caller.purpose == Purpose::BreakTheGlass
                && allowed.visible.breaks_glass(),
            rules: allowed.granted.rules.clone(),
        };
        self.line(&allowed.caller, access).await
    }

    async fn line(&self, caller: &Caller, access: Access) -> Result<(), Fault> {
        let done = self.0.guard.record(caller, access).await;
        done.map_err(|_| Fault::internal("imaging.ledger"))
    }
}

impl From<PathRefusal> for Fault {
    fn from(refusal: PathRefusal) -> Self {
        match refusal {
            PathRefusal::Unknown => Self::NOT_FOUND,
            PathRefusal::Method => Self::new(
                http::StatusCode::METHOD_NOT_ALLOWED,
                "imaging.method",
                "Studies are stored with POST and retrieved with GET.",
            ),
            PathRefusal::Malformed => {
                Self::bad("imaging.path_malformed", "A UID or frame number is malformed.")
            }
        }
    }
}

impl From<ShelfError> for Fault {
    fn from(error: ShelfError) -> Self {
        use autoclave_records::store::StoreError;
        match error {
            ShelfError::Store(StoreError::TooCostly) => crate::dicomweb::search::BROAD,
            ShelfError::Store(error) => Self::internal(error.code()),
            ShelfError::Blob(_) => Self::internal("imaging.blob"),
            ShelfError::Malformed => Self::internal("imaging.malformed"),
        }
    }
}

/// Work that blocks, off the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Fault::internal("imaging.worker")))
}

#[cfg(test)]
mod tests;
