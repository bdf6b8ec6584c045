//! The task that lets locks serve their time and writes down what was decided. It holds
//! nothing alive: when the role is gone, it ends. A failure changes nothing, is told, and is
//! tried again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Governance;
use crate::event;

/// How often it looks (seconds): well below the shortest lock.
const ROUND_SECONDS: u64 = 2;

/// Rounds between two writings of what was decided: each changes the state, which the ledger
/// is told, and half a minute of words is little to lose.
const ROUNDS_PER_WRITING: u32 = 15;

/// Longest time of a lock (seconds) that a kill of the enclave makes it serve again.
const GRAIN_SECONDS_MAX: u64 = 60;

/// How much time is worth writing down: a twentieth of the lock.
pub(super) fn grain(lock_seconds: u64) -> u64 {
    (lock_seconds / 20).clamp(1, GRAIN_SECONDS_MAX)
}

/// Begins to look after the policies.
pub(super) fn spawn(governance: &Arc<Governance>) {
    governance.cell.spawn(keep(Arc::downgrade(governance)));
}

async fn keep(governance: Weak<Governance>) {
    let mut rounds = interval(Duration::from_secs(ROUND_SECONDS));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1_u32.. {
        rounds.tick().await;
        let Some(governance) = governance.upgrade() else { return };
        tick(&governance).await;
        if number.is_multiple_of(ROUNDS_PER_WRITING) {
            write(&governance);
        }
    }
}

/// One look, at everything.
pub(super) async fn round(governance: &Governance) {
    tick(governance).await;
    write(governance);
}

async fn tick(governance: &Governance) {
    if let Err(refusal) = governance.tick().await {
        let reason = refusal.cause().unwrap_or("governance.refused");
        event!(ERROR, "governance.not_passed", reason = reason);
    }
}

fn write(governance: &Governance) {
    if let Err(error) = governance.journal.keep() {
        event!(WARN, "governance.decisions_not_kept", reason = error.code());
    }
}
