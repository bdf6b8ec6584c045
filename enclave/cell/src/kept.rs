//! What an enclave keeps on the host's disk is bound to its ledger: each change has a number
//! that is counted in what is kept, and the ledger learns the latest one. So an older copy of
//! it beside the ledger as it is now is noticed at the next start, which is refused. A change
//! is durable before its line is, so that no crash makes a false alarm. The cell's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoclave_base::Digest;
use autoclave_ledger::{Event, Label};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::ledger::{AppendError, Ledger};
use crate::state::StateError;
use crate::{Cell, event};

/// The sealed state's name in the lines.
pub(crate) const STATE: &str = "state";

/// Rest between two lines about the same store: changes that come together have one line,
/// and an older copy can go unnoticed for this long at the most while the enclave runs.
const LINE_PAUSE: Duration = Duration::from_millis(250);

/// The bytes that every line of this event has.
const NEEDLE: &[u8] = br#""event":"kept""#;

/// What is kept, with what the ledger knows of it.
#[derive(Default)]
pub(crate) struct Keeping {
    stores: Mutex<BTreeMap<&'static str, Mark>>,
    wake: Notify,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    serial: u64,
    digest: Option<Digest>,
    told: u64,
}

impl Keeping {
    /// A store has changed; its line follows. Never blocks on the disk.
    pub(crate) fn changed(&self, store: &'static str, serial: u64, digest: Option<Digest>) {
        let mut stores = self.lock();
        let mark = stores.entry(store).or_default();
        if serial > mark.serial {
            (mark.serial, mark.digest) = (serial, digest);
        }
        drop(stores);
        self.wake.notify_one();
    }

    /// Writes the lines that are due; each store's own.
    pub(crate) async fn tell(&self, ledger: &Ledger) -> Result<(), AppendError> {
        let due = |(store, mark): (&&'static str, &Mark)| {
            (mark.serial > mark.told).then_some((*store, *mark))
        };
        let due: Vec<_> = self.lock().iter().filter_map(due).collect();
        for (store, mark) in due {
            let (serial, digest) = (mark.serial, mark.digest);
            ledger.append(Event::Kept { store: Label::code(store), serial, digest }).await?;
            if let Some(mark) = self.lock().get_mut(store) {
                mark.told = mark.told.max(serial);
            }
        }
        Ok(())
    }

    /// Writes lines as changes come, for ever. What fails is tried again with the next one.
    pub(crate) async fn run(self: Arc<Self>, ledger: Ledger) {
        loop {
            self.wake.notified().await;
            if let Err(error) = self.tell(&ledger).await {
                event!(WARN, "kept.not_told", reason = error.code());
            }
            sleep(LINE_PAUSE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Mark>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses what is older than the ledger knows, or another of the same number. Reads the
/// journal back to the latest line, so it may block.
pub(crate) fn check(
    ledger: &Ledger,
    store: &str,
    serial: u64,
    digest: Option<Digest>,
) -> Result<(), StateError> {
    let ours =
        |event: &Event| matches!(event, Event::Kept { store: name, .. } if name.as_str() == store);
    let Some(Event::Kept { serial: told, digest: known, .. }) = ledger.latest(NEEDLE, ours) else {
        return Ok(());
    };
    let other = serial == told && known.is_some() && known != digest;
    if serial < told || other {
        return Err(StateError::RolledBack { store: store.to_owned(), found: serial, told });
    }
    Ok(())
}

/// A store of a role's that is bound to the ledger.
#[derive(Clone)]
pub struct Kept {
    store: &'static str,
    keeping: Arc<Keeping>,
}

impl Kept {
    /// The store has changed, durably, and counts `serial` by now; its ledger line follows.
    pub fn changed(&self, serial: u64) {
        self.keeping.changed(self.store, serial, None);
    }
}

impl Cell {
    /// Binds a store of the role's: `serial` is the number of changes that it counts itself.
    /// Refused where the ledger knows of later ones.
    pub async fn bind(&self, store: &'static str, serial: u64) -> Result<Kept, crate::BootError> {
        let ledger = self.ledger().clone();
        let checking = self.machine().block_on(move || check(&ledger, store, serial, None));
        checking.await.map_err(|error| crate::BootError::setup("cell.kept_panicked", error))??;
        let keeping = self.keeping.clone();
        keeping.changed(store, serial, None);
        Ok(Kept { store, keeping })
    }
}
