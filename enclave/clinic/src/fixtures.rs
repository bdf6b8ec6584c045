//! A hospital in one test: the clinic's routes over a real store, a clock turned by hand,
//! a ledger that remembers, and a diagnosis enclave that can be told to lie.

mod client;
mod provider;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use autoclave_attest::chain::Link;
use autoclave_attest::jwk::Jwk;
use autoclave_base::{Problem, Secret, UnixTime};
use autoclave_cell::cache::Cache;
use autoclave_cell::{Clock, Entropy, Machine, Refusal};
use autoclave_ledger::Event;
use axum::Router;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use tempfile::TempDir;

use crate::outside::{Outside, PeerAnswer, Vouched};
use crate::{Clinic, Presence, RecordsKeys, Settings, Store};

pub(crate) use client::{ADA, Client, PASSWORD, form, png};
pub(crate) use provider::{Provider, Tamper};

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) ledger_is_broken: AtomicBool,
    pub(crate) tamper: Mutex<Tamper>,
    pub(crate) asked: AtomicUsize,
    machine: Machine,
    provider: Provider,
}

impl Outside for Surroundings {
    fn now(&self) -> UnixTime {
        self.clock.now()
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn append(&self, event: Event) -> BoxFuture<'_, Result<(), Refusal>> {
        async move {
            if self.ledger_is_broken.load(Ordering::SeqCst) {
                return Err(Refusal::internal("ledger.append"));
            }
            self.events.lock().unwrap().push(event);
            Ok(())
        }
        .boxed()
    }

    fn diagnose(
        &self,
        request: Request<Vec<u8>>,
        earlier: Vec<Link>,
    ) -> BoxFuture<'_, Result<PeerAnswer, Refusal>> {
        async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if !earlier.is_empty() {
                // This diagnosis enclave accepts the clinic alone.
                let body = Problem::new(403, "chain.not_accepted", "Not accepted.").to_json();
                return Ok(PeerAnswer { status: StatusCode::FORBIDDEN, body });
            }
            let tamper = *self.tamper.lock().unwrap();
            Ok(self.provider.answer(&request, tamper))
        }
        .boxed()
    }

    fn diagnosis_token<'a>(
        &'a self,
        token: &'a str,
        _chain: &'a [String],
    ) -> BoxFuture<'a, Result<Vouched, Refusal>> {
        let vouched = self.provider.vouched(token);
        async move { vouched.ok_or(Refusal::internal("token.signature")) }.boxed()
    }
}

type MakeCache = dyn Fn(Clock) -> Cache + Send + Sync;

pub(crate) struct Hospital {
    pub(crate) outside: Arc<Surroundings>,
    pub(crate) administrator: SigningKey,
    pub(crate) router: Router,
    pub(crate) clinic: Arc<Clinic>,
    cache: Box<MakeCache>,
    folder: TempDir,
}

impl Hospital {
    pub(crate) fn new() -> Self {
        Self::with(|clock| Cache::in_process(&Secret::new([9; 32]), clock))
    }

    /// One whose clinic keeps its copies in this cache.
    pub(crate) fn with(cache: impl Fn(Clock) -> Cache + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let administrator = SigningKey::generate_from_rng(&mut Entropy);
        let outside = Arc::new(Surroundings {
            clock: Clock::manual(NOW),
            events: Mutex::default(),
            ledger_is_broken: AtomicBool::new(false),
            tamper: Mutex::new(Tamper::Honest),
            asked: AtomicUsize::new(0),
            machine: Machine::system(),
            provider: Provider::new(),
        });
        let cache = Box::new(cache);
        let clinic = open(&folder, &administrator, &outside, &*cache, Presence::Unknown);
        let router = crate::http::routes(clinic.clone());
        Self { outside, administrator, router, clinic, cache, folder }
    }

    /// The same hospital after the process was killed and started again.
    pub(crate) fn restarted(self) -> Self {
        let Self { outside, administrator, router, clinic, cache, folder } = self;
        drop((router, clinic));
        let clinic = open(&folder, &administrator, &outside, &*cache, Presence::Expected);
        let router = crate::http::routes(clinic.clone());
        Self { outside, administrator, router, clinic, cache, folder }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.outside.events.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.outside.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn tamper(&self, tamper: Tamper) {
        *self.outside.tamper.lock().unwrap() = tamper;
    }

    /// Everything on the disk, as who steals it sees it.
    pub(crate) fn disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

fn open(
    folder: &TempDir,
    administrator: &SigningKey,
    outside: &Arc<Surroundings>,
    cache: &MakeCache,
    presence: Presence,
) -> Arc<Clinic> {
    let keys = RecordsKeys::derive(&Secret::new([7; 32]));
    let store = Store::open(&folder.path().join("records.db"), keys, presence).unwrap();
    let administrator = Jwk::signing(administrator.verifying_key()).thumbprint();
    let settings = format!(
        "[broker]\nurl = 'http://127.0.0.1:1'\n[diagnosis]\nurl = 'http://127.0.0.1:2'\n\
         [staff]\nadministrators = ['{administrator}']"
    );
    let settings: Settings = toml::from_str(&settings).unwrap();
    let cache = cache(outside.clock.clone());
    Clinic::new(&settings, store, outside.clone(), cache).unwrap()
}
