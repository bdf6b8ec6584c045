//! One life of an enclave: configuration read, code measured, state and ledger opened, keys
//! made, doors opened, token fetched, role built; and the way back down. The cell's. No
//! handler runs before all of it is done, and nothing that must be found is invented.

mod memory;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use autoclave_attest::book::ProofBook;
use autoclave_attest::evidence::Measured;
use autoclave_base::ids::WorkloadName;
use autoclave_seal::fresh::ReplayCache;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::attester::Platform;
use crate::carrier::{BaseUrl, Carrier};
use crate::chain::Callers;
use crate::clock::Clock;
use crate::config::{self, CellConfig, Common};
use crate::doors::{self, Certificate, Doors, Stop, Transport};
use crate::identity::Identity;
use crate::kept::Keeping;
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::network::{Listener, Network};
use crate::passport::{self, Passport};
use crate::refusals::RefusalLines;
use crate::tasks::{EndOnDrop, Tasks};
use crate::trust::{self, Relying};
use crate::witness::Witnesses;
use crate::{BootError, Cell, Routes, event, measure};

/// What a launcher hands to an enclave.
pub struct Launch {
    /// The configuration's exact text: it is measured.
    pub config: String,
    /// The machine's TEE.
    pub platform: Platform,
    /// The time.
    pub clock: Clock,
    /// Connections.
    pub network: Network,
    /// Threads that may block, and the ledger's disk.
    pub machine: Machine,
}

/// Where an enclave can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The sealed door and the plain routes.
    pub sealed: SocketAddr,
    /// The direct door, if there is one.
    pub direct: Option<SocketAddr>,
}

/// An enclave that has opened its doors. Dropped without [`Running::drain`], it ends at
/// once.
pub struct Running {
    cell: Arc<Cell>,
    addresses: Addresses,
    switch: watch::Sender<bool>,
    doors: JoinSet<()>,
    role: Option<AbortOnDrop<Result<(), BootError>>>,
    passport: Option<AbortOnDrop<()>>,
    /// What holds the ledger in the background; it ends before the ledger closes.
    keepers: Vec<AbortOnDrop<()>>,
    _tasks: EndOnDrop,
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn end(mut self) {
        self.0.abort();
        let _aborted = (&mut self.0).await;
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the enclave `workload`: returns when its doors are open. `build` is called once
/// the enclave has its token; until it returns, the role's routes answer
/// `cell.not_ready`.
pub async fn start<C, B, F, R>(
    workload: &str,
    launch: Launch,
    build: B,
) -> Result<Running, BootError>
where
    C: DeserializeOwned + Send + 'static,
    B: FnOnce(Arc<Cell>, C) -> F + Send + 'static,
    F: Future<Output = Result<R, BootError>> + Send + 'static,
    R: Into<Routes>,
{
    let workload = WorkloadName::parse(workload)
        .map_err(|error| BootError::setup("cell.workload_name", error))?;
    let (common, settings) = config::parse::<C>(&launch.config, &workload)?;
    let listeners = Listeners::bind(&common.cell, &launch.network).await?;
    let (cell, witnesses) = make_cell(workload, launch, common).await?;
    let cell = Arc::new(cell);
    let certificate = Arc::new(Certificate::default());
    let doors = Arc::new(Doors::new(cell.clone()));
    let (switch, stop) = Stop::new();
    let addresses = listeners.addresses;
    let open = listeners.serve(&doors, &certificate, &stop)?;
    let passport = keep_passport(&cell, &certificate, addresses.direct.is_some())?;
    let keepers = keepers(&cell, witnesses);
    let tasks = EndOnDrop(cell.tasks.clone());
    let role = AbortOnDrop(tokio::spawn(async move {
        let cell = doors.cell.clone();
        if cell.relying.is_some() {
            cell.passport.fresh(&cell.clock).await;
        }
        doors.open_role(build(cell, settings).await?.into());
        Ok(())
    }));
    let (doors, role) = (open, Some(role));
    Ok(Running { cell, addresses, switch, doors, role, passport, keepers, _tasks: tasks })
}

/// What goes on beside the doors: lines about what is kept, and the witnesses.
fn keepers(cell: &Arc<Cell>, witnesses: Option<Witnesses>) -> Vec<AbortOnDrop<()>> {
    let telling = AbortOnDrop(tokio::spawn(cell.keeping.clone().run(cell.ledger.clone())));
    let keep = |witnesses: Witnesses| witnesses.keep(cell.ledger.clone(), cell.clock.clone());
    let watched = witnesses.map(|witnesses| AbortOnDrop(tokio::spawn(keep(witnesses))));
    std::iter::once(telling).chain(watched).collect()
}

impl Running {
    /// Where it listens: with port 0 in the configuration, the system's choice.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The enclave from inside.
    pub const fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// Returns when the role is built, or why it could not be.
    pub async fn ready(&mut self) -> Result<(), BootError> {
        let Some(role) = &mut self.role else { return Ok(()) };
        let built =
            (&mut role.0).await.map_err(|error| BootError::setup("cell.role_panicked", error));
        self.role = None;
        built?
    }

    /// Stops taking connections, lets open requests finish within
    /// [`crate::limits::DRAIN_SECONDS_MAX`], and closes the ledger.
    pub async fn drain(mut self) {
        self.switch.send_replace(true);
        while self.doors.join_next().await.is_some() {}
        if let Some(role) = self.role.take() {
            role.end().await;
        }
        if let Some(passport) = self.passport.take() {
            passport.end().await;
        }
        if self.cell.refusals.tell_counted("stop").await.is_err() {
            event!(ERROR, "refusals.not_told");
        }
        for keeper in std::mem::take(&mut self.keepers) {
            keeper.end().await;
        }
        if self.cell.keeping.tell(self.cell.ledger()).await.is_err() {
            event!(ERROR, "kept.not_told");
        }
        let (cell, machine) = (self.cell.clone(), self.cell.machine.clone());
        drop(self.cell);
        let closed = machine.block_on(move || memory::close(&cell)).await;
        if !matches!(closed, Ok(Ok(()))) {
            event!(ERROR, "cell.not_closed");
        }
    }
}

async fn make_cell(
    workload: WorkloadName,
    launch: Launch,
    common: Common,
) -> Result<(Cell, Option<Witnesses>), BootError> {
    let measured = measure::take(&launch.config, &common.cell.libraries)?;
    agree(&launch, &measured, &workload).await?;
    let trust = trust::anchors(&common)?;
    let tasks = Tasks::new();
    let carrier = Carrier::new(&launch.network, &tasks);
    let relying = match &common.cell.attestor {
        Some(url) => Some(Relying::new(BaseUrl::parse(url)?, carrier.clone())),
        None => None,
    };
    let witnesses = Witnesses::new(&common.cell, &carrier)?;
    let (state, ledger) = memory::open(&workload, &launch, &common.cell).await?;
    if let Some(witnesses) = &witnesses {
        witnesses.confirm(&ledger, &launch.clock).await?;
    }
    let keeping = Arc::new(Keeping::default());
    memory::tell_boot(&workload, measured.measurement(), &state, &ledger, &keeping).await?;
    let identity = Identity::new(workload.as_str(), ledger.key().public_bytes());
    event!(
        INFO,
        "cell.boot",
        workload = workload,
        measurement = measured.measurement(),
        kind = launch.platform.kind()
    );
    let refusals = Arc::new(RefusalLines::new(ledger.clone()));
    let cell = Cell {
        workload,
        measured,
        clock: launch.clock,
        machine: launch.machine,
        tasks,
        platform: launch.platform,
        identity,
        trust,
        state,
        data_dir: common.cell.data_dir,
        kbs_sample: common.development.is_some_and(|table| table.kbs_sample),
        ledger,
        keeping,
        refusals,
        metrics: Arc::new(Metrics::default()),
        carrier,
        relying,
        passport: Arc::new(Passport::new()),
        callers: Callers::default(),
        proofs: Mutex::new(ProofBook::default()),
        replays: Mutex::new(ReplayCache::default()),
    };
    Ok((cell, witnesses))
}

/// The TEE must have measured what the enclave finds itself to be.
async fn agree(
    launch: &Launch,
    measured: &Measured,
    workload: &WorkloadName,
) -> Result<(), BootError> {
    let (platform, measured, workload) =
        (launch.platform.clone(), measured.clone(), workload.clone());
    let asking = launch.machine.block_on(move || platform.attester().check(&measured, &workload));
    let agreed = asking.await.map_err(|error| BootError::setup("cell.platform_panicked", error))?;
    Ok(agreed?)
}

/// The attestor has nobody to ask for a token; its certificate carries its own evidence.
fn keep_passport(
    cell: &Arc<Cell>,
    certificate: &Arc<Certificate>,
    direct: bool,
) -> Result<Option<AbortOnDrop<()>>, BootError> {
    if cell.relying.is_none() {
        certificate.renew(cell, None).map_err(|error| BootError::setup("cell.tls", error))?;
        let keeping = doors::evidenced::keep(cell.clone(), certificate.clone());
        return Ok(direct.then(|| AbortOnDrop(tokio::spawn(keeping))));
    }
    let keeping = passport::keep(cell.clone(), cell.passport.clone(), certificate.clone());
    Ok(Some(AbortOnDrop(tokio::spawn(keeping))))
}

struct Listeners {
    sealed: Listener,
    direct: Option<Listener>,
    addresses: Addresses,
}

impl Listeners {
    async fn bind(config: &CellConfig, network: &Network) -> Result<Self, BootError> {
        let (sealed, sealed_address) = bind(network, config.listen_sealed).await?;
        let mut addresses = Addresses { sealed: sealed_address, direct: None };
        let mut direct = None;
        if let Some(address) = config.listen_direct {
            let (listener, address) = bind(network, address).await?;
            (direct, addresses.direct) = (Some(listener), Some(address));
        }
        Ok(Self { sealed, direct, addresses })
    }

    fn serve(
        self,
        doors: &Arc<Doors>,
        certificate: &Arc<Certificate>,
        stop: &Stop,
    ) -> Result<JoinSet<()>, BootError> {
        let mut open = JoinSet::new();
        if let Some(listener) = self.direct {
            let transport = Transport::Tls(doors::acceptor(certificate.clone())?);
            open.spawn(doors::serve(
                listener,
                doors::direct_router(doors),
                transport,
                stop.clone(),
            ));
        }
        let router = doors::sealed_router(doors);
        open.spawn(doors::serve(self.sealed, router, Transport::Plain, stop.clone()));
        Ok(open)
    }
}

async fn bind(network: &Network, address: SocketAddr) -> Result<(Listener, SocketAddr), BootError> {
    let refused = |source| BootError::Listen { address, source };
    let listener = network.listen(address).await.map_err(refused)?;
    let bound = listener.address().map_err(refused)?;
    Ok((listener, bound))
}
