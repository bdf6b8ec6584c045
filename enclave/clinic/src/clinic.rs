//! The clinic as its handlers see it: store, rules, surroundings, and the bounds on work
//! that is done at the same time. The platform vendor's. It holds no request in memory, and
//! of sessions only what the cache keeps.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::book::ProofBook;
use autoclave_attest::dpop::{self, DpopRefusal, Facts, ProvedKey};
use autoclave_attest::jwk::Thumbprint;
use autoclave_base::ids::{ModelName, PatientId};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::Refusal;
use autoclave_cell::cache::Cache;
use autoclave_cell::policy::{PolicyBook, PolicyError};
use autoclave_fhir::Kind;
use autoclave_imaging::Dicomweb;
use autoclave_ledger::{Event, Pseudonym};
use autoclave_records::operations::Operations;
use autoclave_records::server::Server;
use autoclave_records::store::{Store as Records, StoreError as RecordsError};
use http::{HeaderMap, header};
use tokio::sync::{Mutex as Lane, MutexGuard as LaneGuard, Semaphore, SemaphorePermit};

use crate::config::Settings;
use crate::fhir::{self, guard, guard::RulesGuard};
use crate::outside::Outside;
use crate::permit;
use crate::places::Places;
use crate::smart::{SettingsRefusal, Smart};
use crate::store::{Store, StoreError};

/// Repetitions of one request wait for each other in one of these; strangers seldom share.
const LANES: usize = 64;
/// Sign-ins that wait for their turn at one time: a shift changes, about 5 seconds.
const SIGN_INS_MAX: usize = 64;
/// Large bodies in memory at one time: 64 MiB each.
const BODIES_MAX: usize = 4;

const FULL: Refusal =
    Refusal::unavailable("store.full", "The clinic's disk is full; nothing was changed.");
/// Passwords checked at one time: each takes 64 MiB and a core for 100 ms.
const HASHES_MAX: usize = 2;

/// Why a clinic is not put together.
#[derive(Debug, thiserror::Error)]
pub enum ClinicError {
    /// The configured rules do not fit the schema.
    #[error(transparent)]
    Rules(#[from] PolicyError),
    /// The registered applications are refused.
    #[error(transparent)]
    Applications(#[from] SettingsRefusal),
}

impl ClinicError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rules(_) => "policy.refused",
            Self::Applications(_) => "smart.refused",
        }
    }
}

/// What a clinic keeps: its own store, the FHIR store, and what operations remember.
pub struct Kept {
    pub(crate) store: Store,
    pub(crate) records: Records,
    pub(crate) operations: Operations,
}

/// The clinic.
pub struct Clinic {
    pub(crate) store: Store,
    pub(crate) rules: Arc<PolicyBook>,
    pub(crate) records: Records,
    pub(crate) server: Server,
    pub(crate) imaging: Dicomweb,
    pub(crate) operations: Operations,
    pub(crate) model: ModelName,
    pub(crate) places: Places,
    pub(crate) hashes: Arc<Semaphore>,
    pub(crate) sign_ins: Semaphore,
    pub(crate) cache: Cache,
    pub(crate) smart: Smart,
    bodies: Semaphore,
    outside: Arc<dyn Outside>,
    administrators: Vec<Thumbprint>,
    proofs: Mutex<ProofBook>,
    lanes: Vec<Lane<()>>,
}

impl Clinic {
    /// Puts it together; fails where rules or applications are not configured as they can be.
    pub fn new(
        settings: &Settings,
        kept: Kept,
        outside: Arc<dyn Outside>,
        cache: Cache,
    ) -> Result<Arc<Self>, ClinicError> {
        let Kept { store, records, operations } = kept;
        let rules = Arc::new(permit::load(&settings.policy.rules)?);
        let pseudonyms = store.keys().pseudonyms().clone();
        let guard = Arc::new(RulesGuard::new(rules.clone(), outside.clone(), pseudonyms));
        let server =
            fhir::server(&settings.smart, records.clone(), guard.clone(), &operations, &store);
        let blobs = Arc::new(records.clone());
        let (consents, images) = (server.consents().clone(), settings.imaging.to_settings());
        let imaging = Dicomweb::new(records.clone(), consents, blobs, guard, images);
        Ok(Arc::new(Self {
            store,
            rules,
            records,
            server,
            imaging,
            operations,
            bodies: Semaphore::new(BODIES_MAX),
            model: settings.diagnosis.model.clone(),
            places: Places::new(),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            sign_ins: Semaphore::new(SIGN_INS_MAX),
            cache,
            smart: Smart::new(&settings.smart)?,
            outside,
            administrators: settings.staff.administrators.clone(),
            proofs: Mutex::new(ProofBook::default()),
            lanes: (0..LANES).map(|_| Lane::new(())).collect(),
        }))
    }

    /// Now.
    pub(crate) fn now(&self) -> UnixTime {
        self.outside.now()
    }

    /// The clinic's surroundings.
    pub(crate) fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    /// Appends a ledger line and waits until it is durable.
    pub(crate) async fn append(&self, event: Event) -> Result<(), Refusal> {
        self.outside.append(event).await
    }

    /// Whether a key is a site administrator's.
    pub(crate) fn is_administrator(&self, key: Thumbprint) -> bool {
        self.administrators.contains(&key)
    }

    /// Verifies the proof of possession that a request brings.
    pub(crate) fn prove(
        &self,
        header: Option<&str>,
        facts: Facts<'_>,
    ) -> Result<ProvedKey, DpopRefusal> {
        // The book is changed by single insertions; a panic elsewhere leaves it whole.
        let mut book = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        dpop::verify(header, facts, &mut book, self.now())
    }

    /// Whom a line is about, to the holder of the key only.
    pub(crate) fn pseudonym(&self, patient: &str) -> Pseudonym {
        let key = self.records.blind().reference(Kind::known("Patient"), patient);
        guard::pseudonym(self.store.keys().pseudonyms(), key)
    }

    /// The same for a patient as `Patient/id` or `id`, and as lines named one that were written
    /// before records were a FHIR server's.
    pub(crate) fn pseudonyms_of(&self, patient: &str) -> Vec<Pseudonym> {
        let id = patient.rsplit('/').next().unwrap_or_default();
        let before = id.parse::<PatientId>().ok();
        let before = before.map(|id| Pseudonym::of(self.store.keys().pseudonyms(), &id));
        [self.pseudonym(id)].into_iter().chain(before).collect()
    }

    /// Where clients reach the clinic.
    pub(crate) fn base(&self) -> String {
        self.smart.base().unwrap_or_default().to_owned()
    }

    /// A place for a large body, where the request announces one or does not say.
    pub(crate) async fn large_body(
        &self,
        headers: &HeaderMap,
        small_max: usize,
    ) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
        if !is_chunked && length.unwrap_or(0) <= small_max {
            return Ok(None);
        }
        let place = self.bodies.acquire().await;
        place.map(Some).map_err(|_| Refusal::internal("fhir.closed"))
    }

    /// Runs work on the FHIR store off the runtime's threads.
    pub(crate) async fn with_records<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Records) -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let clinic = Arc::clone(self);
        let done = self.outside.machine().block_on(move || work(&clinic.records)).await;
        done.map_err(|_| Refusal::internal("records.panicked"))?.map_err(|error| match error {
            RecordsError::Full => FULL,
            other => Refusal::internal(other.code()),
        })
    }

    /// Waits until no other request about the same thing is under way.
    pub(crate) async fn lane(&self, about: &Digest) -> LaneGuard<'_, ()> {
        let lane = usize::from(about.bytes()[0]) % LANES;
        self.lanes[lane].lock().await
    }

    /// Runs work on the store off the runtime's threads.
    pub(crate) async fn with_store<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let clinic = Arc::clone(self);
        let done = self.outside.machine().block_on(move || work(&clinic.store)).await;
        done.map_err(|_| Refusal::internal("store.panicked"))?.map_err(refuse)
    }
}

/// What a caller is told when the store fails.
pub(crate) fn refuse(error: StoreError) -> Refusal {
    match error {
        StoreError::Full => FULL,
        other => Refusal::internal(other.code()),
    }
}
