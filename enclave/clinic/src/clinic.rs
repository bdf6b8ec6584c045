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
use autoclave_ledger::{Event, Pseudonym};
use tokio::sync::{Mutex as Lane, MutexGuard as LaneGuard, Semaphore};

use crate::config::Settings;
use crate::outside::Outside;
use crate::permit;
use crate::places::Places;
use crate::smart::{SettingsRefusal, Smart};
use crate::store::{Store, StoreError};

/// Repetitions of one request wait for each other in one of these; strangers seldom share.
const LANES: usize = 64;
/// Sign-ins that wait for their turn at one time: a shift changes, about 5 seconds.
const SIGN_INS_MAX: usize = 64;
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

/// The clinic.
pub struct Clinic {
    pub(crate) store: Store,
    pub(crate) rules: PolicyBook,
    pub(crate) model: ModelName,
    pub(crate) places: Places,
    pub(crate) hashes: Arc<Semaphore>,
    pub(crate) sign_ins: Semaphore,
    pub(crate) cache: Cache,
    pub(crate) smart: Smart,
    outside: Arc<dyn Outside>,
    administrators: Vec<Thumbprint>,
    proofs: Mutex<ProofBook>,
    lanes: Vec<Lane<()>>,
}

impl Clinic {
    /// Puts it together; fails where rules or applications are not configured as they can be.
    pub fn new(
        settings: &Settings,
        store: Store,
        outside: Arc<dyn Outside>,
        cache: Cache,
    ) -> Result<Arc<Self>, ClinicError> {
        Ok(Arc::new(Self {
            store,
            rules: permit::load(&settings.policy.rules)?,
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

    /// Whom a line is about, to the holder of the key only; nobody where that is no patient's id.
    pub(crate) fn pseudonym(&self, patient: &str) -> Option<Pseudonym> {
        let patient: PatientId = patient.parse().ok()?;
        Some(Pseudonym::of(self.store.keys().pseudonyms(), &patient))
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
        StoreError::Full => {
            Refusal::unavailable("store.full", "The clinic's disk is full; nothing was changed.")
        }
        other => Refusal::internal(other.code()),
    }
}
