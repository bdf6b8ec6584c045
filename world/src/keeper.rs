//! Keeps one party running, as its machine's service manager would: starts it, starts it
//! again after a death, and drains it at the end. A start that the party's own disk makes
//! impossible breaks a rule.

use std::sync::{Arc, Weak};
use std::time::Duration;

use autoclave_cell::{BootError, Cell, Launch, Machine, Network, Platform, Running, start};
use autoclave_edge::{Config, Edge};
use futures::future::Either;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::deployment::Deployment;
use crate::files;
use crate::net::View;
use crate::party::{Party, Who};
use crate::shared::{Machinery, Mischief, Notice, Shared};

/// The service manager's pause after a start that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Turns of the scheduler within which a dead party's tasks are gone.
const TURNS_MAX: u32 = 10_000;

/// Codes that say that a party does not find on its disk what it left there. Others may
/// fail a start in a storm: peers are away, or refuse for a while.
const OWN_DISK: [&str; 5] = ["state.", "store.", "records.", "ledger.", "attestor.keyring"];
/// Of these, what a disk without room or a death during the start is excused for.
const EXCUSED: [&str; 7] = [
    "ledger.write",
    "ledger.full",
    "ledger.io",
    "ledger.sync",
    "ledger.halted",
    "ledger.stopped",
    "state.io",
];

/// One life.
enum Life {
    Enclave(Box<Running>),
    Edge { task: JoinHandle<()>, stop: oneshot::Sender<()> },
}

/// Keeps `party` until it is told to drain.
pub(crate) async fn keep(
    shared: Arc<Shared>,
    deployment: Arc<Deployment>,
    party: Party,
    mut notices: mpsc::UnboundedReceiver<Notice>,
) {
    loop {
        let number = shared.be_born(party);
        let begun = begin(&shared, &deployment, party, number).await;
        let told = match begun {
            Ok(life) => live(&shared, party, life, &mut notices).await,
            Err(code) => {
                judge(&shared, party, code);
                shared.kill(party, "at a start that failed");
                notices.recv().await
            }
        };
        if told != Some(Notice::Killed) {
            return;
        }
        if !recover(&shared, party).await {
            return;
        }
    }
}

/// The disk as the death left it, after the time that a machine takes.
async fn recover(shared: &Shared, party: Party) -> bool {
    if let Err(error) = files::put_snapshot_back(&shared.root, party) {
        shared.trace.broken(format!("the world cannot restore {}: {error}", party.name()));
        return false;
    }
    match (shared.mischief, party) {
        (Some(Mischief::NeverBack), Party::Diagnosis) => return false,
        (Some(Mischief::OldDisk), Party::Diagnosis)
        | (Some(Mischief::LostRecords), Party::Clinic) => old_disk(shared, party),
        _ => {}
    }
    let nth = shared.dice.below("downtime", party.index() as u64, 10_000);
    sleep(RETRY + Duration::from_millis(nth)).await;
    true
}

/// Everything as on the day when the deployment was set up.
fn old_disk(shared: &Shared, party: Party) {
    let set_up = shared.root.join("set-up").join(party.name());
    let back = files::replace(&set_up, &shared.folder(party));
    shared.trace.say(format!("mischief: {} has an old disk: {}", party.name(), back.is_ok()));
    shared.media[party.index()].put_back();
}

async fn begin(
    shared: &Arc<Shared>,
    deployment: &Deployment,
    party: Party,
    life: u64,
) -> Result<Life, &'static str> {
    shared.trace.say(format!("start {} for the {life}. time", party.name()));
    let view = View { shared: Arc::clone(shared), who: Who::Party(party), life };
    let config = deployment.config(party);
    if party == Party::Edge {
        return begin_edge(view, &config).await;
    }
    let machinery = Machinery { shared: Arc::clone(shared), party, life };
    let launch = Launch {
        config,
        platform: Platform::software(deployment.platform.clone()),
        clock: shared.clocks[party.index()].clone(),
        network: Network::simulated(Arc::new(view)),
        machine: Machine::simulated(Arc::new(machinery)),
    };
    let dead = shared.died(party, life);
    let starting = std::pin::pin!(start_role(party, launch));
    match futures::future::select(std::pin::pin!(dead), starting).await {
        Either::Left(_) => Err("cell.stopped"),
        Either::Right((Ok(running), _)) => Ok(Life::Enclave(Box::new(running))),
        Either::Right((Err(error), _)) => Err(error.code()),
    }
}

async fn start_role(party: Party, launch: Launch) -> Result<Running, BootError> {
    match party {
        Party::Attestor => start(party.name(), launch, autoclave_attestor::build).await,
        Party::Broker => start(party.name(), launch, autoclave_broker::build).await,
        Party::Diagnosis => start(party.name(), launch, autoclave_diagnosis::build).await,
        Party::Clinic | Party::Edge => start(party.name(), launch, autoclave_clinic::build).await,
    }
}

async fn begin_edge(view: View, config: &str) -> Result<Life, &'static str> {
    let config = Config::parse(config).map_err(|error| error.code())?;
    let network = autoclave_wire::Network::simulated(Arc::new(view));
    let edge = Edge::bind_on(network, config).await.map_err(|error| error.code())?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(edge.serve(async move { drop(stopped.await) }));
    Ok(Life::Edge { task, stop })
}

/// Lets a party live until it is killed or drained.
async fn live(
    shared: &Arc<Shared>,
    party: Party,
    life: Life,
    notices: &mut mpsc::UnboundedReceiver<Notice>,
) -> Option<Notice> {
    match life {
        Life::Edge { task, stop } => {
            let told = notices.recv().await;
            if told == Some(Notice::Drain) {
                let _edge_is_gone = stop.send(());
            } else {
                task.abort();
            }
            let _aborted = task.await;
            told
        }
        Life::Enclave(mut running) => {
            let told = until_told(shared, party, &mut running, notices).await;
            let cell = Arc::downgrade(running.cell());
            if told == Some(Notice::Drain) {
                running.drain().await;
            } else {
                drop(running);
            }
            gone(shared, party, &cell).await;
            told
        }
    }
}

async fn until_told(
    shared: &Arc<Shared>,
    party: Party,
    running: &mut Running,
    notices: &mut mpsc::UnboundedReceiver<Notice>,
) -> Option<Notice> {
    let ready = tokio::select! {
        biased;
        told = notices.recv() => return told,
        ready = running.ready() => ready,
    };
    match ready {
        Ok(()) => shared.is_ready(party),
        Err(error) => {
            judge(shared, party, error.code());
            shared.kill(party, "because it cannot become ready");
        }
    }
    notices.recv().await
}

/// A life's tasks are gone with it.
async fn gone(shared: &Shared, party: Party, cell: &Weak<Cell>) {
    for _ in 0..TURNS_MAX {
        if cell.strong_count() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    shared.trace.broken(format!("a task of {} outlives its enclave", party.name()));
}

fn judge(shared: &Shared, party: Party, code: &str) {
    shared.trace.say(format!("{} does not start: {code}", party.name()));
    let own = OWN_DISK.iter().any(|prefix| code.starts_with(prefix));
    let excused = EXCUSED.contains(&code) || !shared.lives_now(party);
    shared.trace.holds(!own || excused, || {
        format!("{} does not start from its own disk: {code}", party.name())
    });
}
