//! The clinic's start: the records key from the broker, the store under it, the rules, the
//! routes. The platform vendor's. Without the key, or without the file that must be there,
//! nothing starts.

use std::sync::Arc;

use autoclave_attest::chain::Link;
use autoclave_attest::token::{self, Expectation, KeySet, PASSPORT_AUDIENCE};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_cell::cache::Cache;
use autoclave_cell::{BootError, Cell, Machine, Peer, Refusal, release};
use autoclave_ledger::{Checkpoint, Entry, Event, Hash, Label};
use autoclave_records::keys::{RootError, RootKeeper};
use autoclave_records::store::{
    Engine, FhirIndexer, Options, Presence as RecordsPresence, Store as Records,
    StoreError as RecordsError,
};
use axum::Router;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use serde_json::json;

use crate::clinic::Kept;
use crate::fhir;
use crate::fhir::filing::{self, Before};
use crate::outside::{LedgerHead, Outside, PeerAnswer, Vouched};
use crate::{Clinic, Presence, RecordsKeys, Settings, Store, http as routes};

/// The records file in the enclave's folder.
const FILE: &str = "records.db";
/// The state that remembers that there is a records file.
const FILE_STATE: &str = "clinic.records";
/// The records file's name in ledger lines.
const STORE: &str = "records";
/// The FHIR store in the enclave's folder.
const RECORDS_FILE: &str = "fhir.db";
/// The state that remembers that there is a FHIR store.
const RECORDS_STATE: &str = "clinic.fhir";
/// The state that holds the root of patients' keys.
const ROOTS_STATE: &str = "clinic.fhir_roots";
/// The FHIR store's name in ledger lines.
const RECORDS: &str = "fhir";
/// Where operations remember their jobs, in the enclave's folder.
const OPERATIONS_FOLDER: &str = "operations";
/// Connections that read at once: more than cores serve nobody.
const READERS: usize = 4;
/// The state that remembers which rules were in force.
const RULES_STATE: &str = "clinic.rules";

const TOKEN_REFUSED: Refusal = Refusal::new(
    StatusCode::BAD_GATEWAY,
    "diagnosis.token_refused",
    "The diagnosis enclave's token does not verify; nothing was filed.",
);

/// Makes the clinic's routes; for `autoclave_cell::run` and `start`.
pub async fn build(cell: Arc<Cell>, settings: Settings) -> Result<Router, BootError> {
    let broker = cell.peer(settings.broker.workload.clone(), &settings.broker.url)?;
    broker.ready().await.map_err(|error| BootError::role(error.code(), error))?;
    let key = release::obtain(&cell, &broker, &settings.broker.records_key).await;
    let key = key.map_err(|error| BootError::role(error.code(), error))?;
    let store = open(&cell, &key.secret)?;
    let serial = store.serial().map_err(|error| BootError::role(error.code(), error))?;
    store.keep(cell.bind(STORE, serial).await?);
    let records = open_records(&cell, &key.secret)?;
    let serial = records.serial().map_err(|error| BootError::role(error.code(), error))?;
    records.keep(cell.bind(RECORDS, serial).await?);
    let diagnosis = settings.diagnosis.workload.clone();
    let peer = cell.peer(diagnosis.clone(), &settings.diagnosis.url)?;
    let outside = Arc::new(Surroundings { cell: cell.clone(), peer, diagnosis });
    let cache = Cache::open(&cell, &settings.cache)?;
    let operations = fhir::operations(&cell.data_dir().join(OPERATIONS_FOLDER), store.keys())
        .map_err(|error| BootError::role("operations.folder", error))?;
    let kept = Kept { store, records, operations };
    let clinic = Clinic::new(&settings, kept, outside, cache)
        .map_err(|error| BootError::role(error.code(), error))?;
    rules_in_force(&cell, clinic.rules.digest()).await?;
    move_old(&cell, &clinic).await?;
    let started = clinic.operations.start(&clinic.server);
    started.map_err(|error| BootError::role("operations.folder", error))?;
    Ok(routes::routes(clinic))
}

fn open(cell: &Cell, key: &Secret<[u8; 32]>) -> Result<Store, BootError> {
    let known = cell.state().get(FILE_STATE).is_some();
    let presence = if known { Presence::Expected } else { Presence::Unknown };
    let store = Store::open(&cell.data_dir().join(FILE), RecordsKeys::derive(key), presence);
    let store = store.map_err(|error| BootError::role(error.code(), error))?;
    if !known {
        cell.state().put(FILE_STATE, b"1")?;
    }
    Ok(store)
}

/// The FHIR store, with the root of patients' keys in the enclave's sealed state: no copy of
/// the file brings an erased patient back.
fn open_records(cell: &Arc<Cell>, key: &Secret<[u8; 32]>) -> Result<Records, BootError> {
    let known = cell.state().get(RECORDS_STATE).is_some();
    let presence = if known { RecordsPresence::Expected } else { RecordsPresence::Unknown };
    let path = cell.data_dir().join(RECORDS_FILE);
    let store = Records::open(Options {
        engine: Engine::Sqlite { path, presence },
        records: key.clone(),
        roots: Arc::new(SealedRoots(cell.clone())),
        indexer: Arc::new(FhirIndexer::new()),
        readers: READERS,
    });
    let store = store.map_err(|error| BootError::role(error.code(), error))?;
    if !known {
        cell.state().put(RECORDS_STATE, b"1")?;
    }
    Ok(store)
}

/// The enclave's sealed state as the place of the root of patients' keys.
struct SealedRoots(Arc<Cell>);

impl RootKeeper for SealedRoots {
    fn load(&self) -> Result<Option<Secret<Vec<u8>>>, RootError> {
        Ok(self.0.state().get(ROOTS_STATE))
    }

    fn replace(&self, bytes: &Secret<Vec<u8>>) -> Result<(), RootError> {
        self.0.state().put(ROOTS_STATE, bytes.expose()).map_err(|_| RootError)
    }
}

/// Moves resources that an earlier version kept beside the images into the FHIR store. What
/// was moved before a crash is found there and not doubled.
async fn move_old(cell: &Cell, clinic: &Arc<Clinic>) -> Result<(), BootError> {
    let moving = clinic.clone();
    let now_ms = cell.now_ms();
    let work = move || loop {
        let old = moving.store.old_resources().map_err(|error| error.code())?;
        if old.is_empty() {
            return Ok(());
        }
        let filed = filing::file(&moving.records, &old, Before::Keep, now_ms);
        filed.map_err(RecordsError::code)?;
        moving.store.forget_old(&old).map_err(|error| error.code())?;
    };
    let moved: Result<(), &'static str> = cell
        .machine()
        .block_on(work)
        .await
        .map_err(|error| BootError::role("records.not_moved", error))?;
    moved.map_err(|code| BootError::role(code, "records of an earlier version cannot be moved"))
}

/// A change of rules is a ledger line before the first ask under the new ones.
async fn rules_in_force(cell: &Cell, to: Digest) -> Result<(), BootError> {
    let before = cell.state().get(RULES_STATE);
    let before = before.and_then(|bytes| <[u8; 32]>::try_from(bytes.expose().as_slice()).ok());
    let from = before.map(Digest::from_bytes);
    if from == Some(to) {
        return Ok(());
    }
    let line = Event::PolicyChange { name: Label::of(&"clinic"), from, to };
    let written = cell.ledger().append(line).await;
    written.map_err(|error| BootError::role("ledger.append", error))?;
    Ok(cell.state().put(RULES_STATE, to.bytes())?)
}

/// The cell as the clinic's surroundings.
struct Surroundings {
    cell: Arc<Cell>,
    peer: Peer,
    diagnosis: WorkloadName,
}

impl Outside for Surroundings {
    fn now(&self) -> UnixTime {
        self.cell.now()
    }

    fn now_ms(&self) -> i64 {
        self.cell.now_ms()
    }

    fn ledger(&self) -> LedgerHead {
        let ledger = self.cell.ledger();
        let origin = ledger.key().name().to_owned();
        // Our own checkpoint opens under our own key.
        match Checkpoint::open(&ledger.checkpoint(), ledger.key()) {
            Ok(head) => LedgerHead { origin, size: head.size(), root: *head.root() },
            Err(_) => LedgerHead { origin, size: 0, root: Hash::of_nothing() },
        }
    }

    fn ledger_line(&self, index: u64) -> Option<Entry> {
        self.cell.ledger().entry(index)
    }

    fn machine(&self) -> &Machine {
        self.cell.machine()
    }

    fn append(&self, event: Event) -> BoxFuture<'_, Result<(), Refusal>> {
        async move {
            let written = self.cell.ledger().append(event).await;
            Ok(written.map(drop)?)
        }
        .boxed()
    }

    fn diagnose(
        &self,
        request: Request<Vec<u8>>,
        earlier: Vec<Link>,
    ) -> BoxFuture<'_, Result<PeerAnswer, Refusal>> {
        async move {
            let answer = self.peer.send(request.map(Into::into), &earlier).await?;
            let status = answer.status();
            Ok(PeerAnswer { status, body: answer.into_body().into() })
        }
        .boxed()
    }

    fn diagnosis_token<'a>(
        &'a self,
        token: &'a str,
        chain: &'a [String],
    ) -> BoxFuture<'a, Result<Vouched, Refusal>> {
        async move {
            let attestor = self.cell.attestor().await?;
            let (expected, now) = (attestor.expectation(PASSPORT_AUDIENCE), self.cell.now());
            let chain_holds = all_hold(chain, attestor.keys(), &expected, now);
            let expected = attestor.expectation_of(&self.diagnosis, PASSPORT_AUDIENCE);
            let token = token::verify(token, attestor.keys(), &expected, now)
                .map_err(|refusal| TOKEN_REFUSED.caused_by(refusal.code()))?;
            let (jwks, attestor) = (json!(attestor.keys()), json!(attestor.transcript()));
            Ok(Vouched { token, jwks, attestor, chain_holds })
        }
        .boxed()
    }
}

fn all_hold(tokens: &[String], keys: &KeySet, expected: &Expectation, now: UnixTime) -> bool {
    tokens.iter().all(|token| token::verify(token, keys, expected, now).is_ok())
}
