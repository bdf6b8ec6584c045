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
use autoclave_ledger::{Entry, Event, Hash};
use autoclave_records::keys::MemoryRoots;
use autoclave_records::store::{
    Engine, FhirIndexer, Options, Presence as RecordsPresence, Store as Records,
};
use axum::Router;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use serde_json::json;
use tempfile::TempDir;

use crate::clinic::Kept;
use crate::fhir;
use crate::outside::{LedgerHead, Outside, PeerAnswer, Vouched};
use crate::{Clinic, Presence, RecordsKeys, Settings, Store};

pub(crate) use client::{ADA, Client, PASSWORD, Reply, form, png};
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

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn ledger(&self) -> LedgerHead {
        let size = self.events.lock().unwrap().len() as u64;
        LedgerHead { origin: "clinic.test".to_owned(), size, root: Hash::of_nothing() }
    }

    fn ledger_line(&self, index: u64) -> Option<Entry> {
        let event = self.events.lock().unwrap().get(usize::try_from(index).ok()?)?.clone();
        Some(Entry { time: NOW, event })
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
    /// The key of the registered service.
    pub(crate) service: SigningKey,
    pub(crate) router: Router,
    pub(crate) clinic: Arc<Clinic>,
    cache: Box<MakeCache>,
    roots: Arc<MemoryRoots>,
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
        let roots = Arc::new(MemoryRoots::default());
        let service = SigningKey::generate_from_rng(&mut Entropy);
        let all = (&folder, &administrator, &service, &outside, &roots);
        let clinic = open(all, &*cache, Presence::Unknown);
        let router = crate::http::routes(clinic.clone());
        Self { outside, administrator, service, router, clinic, cache, roots, folder }
    }

    /// The same hospital after the process was killed and started again.
    pub(crate) fn restarted(self) -> Self {
        let Self { outside, administrator, service, router, clinic, cache, roots, folder } = self;
        drop((router, clinic));
        let all = (&folder, &administrator, &service, &outside, &roots);
        let clinic = open(all, &*cache, Presence::Expected);
        let router = crate::http::routes(clinic.clone());
        Self { outside, administrator, service, router, clinic, cache, roots, folder }
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
        fn all(folder: &std::path::Path) -> Vec<u8> {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let bytes = |path: std::path::PathBuf| {
                if path.is_dir() { all(&path) } else { std::fs::read(path).unwrap() }
            };
            entries.flat_map(bytes).collect()
        }
        all(self.folder.path())
    }
}

type Parts<'a> =
    (&'a TempDir, &'a SigningKey, &'a SigningKey, &'a Arc<Surroundings>, &'a Arc<MemoryRoots>);

/// The address of the clinic's direct door.
pub(crate) const SMART_BASE: &str = "https://clinic.test";

fn open(
    (folder, administrator, service, outside, roots): Parts<'_>,
    cache: &MakeCache,
    presence: Presence,
) -> Arc<Clinic> {
    let keys = RecordsKeys::derive(&Secret::new([7; 32]));
    let store = Store::open(&folder.path().join("records.db"), keys, presence).unwrap();
    let administrator = Jwk::signing(administrator.verifying_key()).thumbprint();
    let path = folder.path().join("fhir.db");
    let presence = match presence {
        Presence::Unknown => RecordsPresence::Unknown,
        Presence::Expected => RecordsPresence::Expected,
    };
    let records = Records::open(Options {
        engine: Engine::Sqlite { path, presence },
        records: Secret::new([7; 32]),
        roots: roots.clone(),
        indexer: Arc::new(FhirIndexer::new()),
        readers: 2,
    });
    let settings = format!(
        "[broker]\nurl = 'http://127.0.0.1:1'\n[diagnosis]\nurl = 'http://127.0.0.1:2'\n\
         [staff]\nadministrators = ['{administrator}']"
    );
    let mut settings: Settings = toml::from_str(&settings).unwrap();
    let service = Jwk::signing(service.verifying_key());
    settings.smart = serde_json::from_value(json!({"base": SMART_BASE, "client": [
        {"id": "service", "name": "A service", "kind": "service", "clearance": ["R"],
         "jwks": {"keys": [service]}, "scopes": "system/*.cruds"},
        {"id": "app", "name": "An <app>", "kind": "public",
         "redirect_uris": ["https://app.test/back"],
         "scopes": "launch launch/patient offline_access patient/*.rs user/*.cruds"},
    ]}))
    .unwrap();
    let cache = cache(outside.clock.clone());
    let operations = fhir::operations(&folder.path().join("operations"), store.keys()).unwrap();
    let kept = Kept { store, records: records.unwrap(), operations };
    Clinic::new(&settings, kept, outside.clone(), cache).unwrap()
}
