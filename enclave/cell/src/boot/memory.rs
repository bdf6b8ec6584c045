//! What an enclave finds of its earlier lives: sealed state, and the ledger whose key lies
//! in it. The state remembers a checkpoint of the ledger, so that neither can vanish or be
//! put back alone without notice.

use std::sync::Arc;

use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_ledger::{Event, LogSigner};
use ed25519_dalek::SigningKey;
use rand::Rng as _;
use zeroize::Zeroizing;

use crate::clock::{Clock, Entropy};
use crate::config::CellConfig;
use crate::kept::{self, Keeping};
use crate::ledger::{AppendError, Ledger, LedgerError, Options};
use crate::machine::Machine;
use crate::state::{Observer, SealedState};
use crate::{BootError, Cell, Launch, StateError};

/// The ledger's folder in the enclave's own.
const LEDGER_FOLDER: &str = "ledger";

/// The ledger's private key (32 bytes) in the state.
const LEDGER_KEY: &str = "cell/ledger-key";

/// The last checkpoint that the state knows of.
const LEDGER_CHECKPOINT: &str = "cell/ledger-checkpoint";

/// Opens both; reads the disk on a thread that may block.
pub(super) async fn open(
    workload: &WorkloadName,
    launch: &Launch,
    config: &CellConfig,
) -> Result<(SealedState, Ledger), BootError> {
    let (workload, folder) = (workload.clone(), config.data_dir.clone());
    let (platform, clock) = (launch.platform.clone(), launch.clock.clone());
    let machine = launch.machine.clone();
    let opening = launch.machine.block_on(move || {
        let secret = platform.attester().sealing_secret(&workload)?;
        let state = SealedState::open(&folder, &workload, &secret)?;
        let ledger = open_ledger(&workload, &state, &folder, clock, machine)?;
        let (serial, digest) = state.position();
        kept::check(&ledger, kept::STATE, serial, digest)?;
        Ok((state, ledger))
    });
    opening.await.map_err(|error| BootError::setup("cell.state_panicked", error))?
}

fn open_ledger(
    workload: &WorkloadName,
    state: &SealedState,
    folder: &std::path::Path,
    clock: Clock,
    machine: Machine,
) -> Result<Ledger, BootError> {
    let key = ledger_key(state)?;
    let name = Digest::of(key.verifying_key().as_bytes()).hex();
    let origin = format!("autoclave.health/{workload}/{}", &name[..16]);
    let signer =
        LogSigner::new(&origin, key).map_err(|refusal| BootError::setup("ledger.key", refusal))?;
    let known = state.get(LEDGER_CHECKPOINT);
    let known = known.and_then(|text| String::from_utf8(text.expose().clone()).ok());
    let folder = folder.join(LEDGER_FOLDER);
    Ok(Ledger::open(Options { folder, signer, clock, known, machine })?)
}

/// The key from the state. It is made where the state is new, before the ledger begins.
fn ledger_key(state: &SealedState) -> Result<SigningKey, StateError> {
    if let Some(seed) = state.get(LEDGER_KEY) {
        let seed = seed.expose().as_slice().try_into().map_err(|_| StateError::Tampered)?;
        return Ok(SigningKey::from_bytes(seed));
    }
    if !state.is_new() {
        return Err(StateError::Missing);
    }
    let mut seed = Zeroizing::new([0; 32]);
    Entropy.fill_bytes(seed.as_mut_slice());
    state.put(LEDGER_KEY, seed.as_slice())?;
    Ok(SigningKey::from_bytes(&seed))
}

/// The first lines of this life, and for a new ledger the first of all.
pub(super) async fn tell_boot(
    workload: &WorkloadName,
    measurement: Digest,
    state: &SealedState,
    ledger: &Ledger,
    keeping: &Arc<Keeping>,
) -> Result<(), BootError> {
    let mut events = Vec::new();
    if ledger.size() == 0 {
        events.push(Event::Genesis { workload: workload.clone() });
    }
    events.push(Event::Boot { workload: workload.clone(), measurement, token: None });
    for event in events {
        ledger.append(event).await.map_err(|error: AppendError| LedgerError::from(error))?;
    }
    bind(state, ledger, keeping);
    remember(state, ledger)?;
    keeping.tell(ledger).await.map_err(LedgerError::from)?;
    Ok(())
}

/// From now on each change of the state remembers the ledger, and the ledger each change.
fn bind(state: &SealedState, ledger: &Ledger, keeping: &Arc<Keeping>) {
    let (ledger, keeping) = (ledger.clone(), keeping.clone());
    let checkpoint = Box::new(move || ledger.checkpoint());
    let tell = move |serial, digest| keeping.changed(kept::STATE, serial, Some(digest));
    state.observe(Observer { name: LEDGER_CHECKPOINT, checkpoint, changed: Box::new(tell) });
}

/// Leaves both so that the next life finds them.
pub(super) fn close(cell: &Cell) -> Result<(), BootError> {
    cell.ledger().publish()?;
    Ok(remember(cell.state(), cell.ledger())?)
}

fn remember(state: &SealedState, ledger: &Ledger) -> Result<(), StateError> {
    state.put(LEDGER_CHECKPOINT, ledger.checkpoint().as_bytes())
}
