//! The task that rotates keys and takes newer manifests and endorsements. It holds nothing alive: when the
//! role is gone, it ends. A failure leaves what was in use, is told, and is tried again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use autoclave_cell::event;
use tokio::time::{MissedTickBehavior, interval};

use crate::service::Attestor;

/// How often it looks (seconds): far below a token's life.
const ROUND_SECONDS: u64 = 10;

/// Begins to look after keys and manifest.
pub(crate) fn spawn(attestor: &Arc<Attestor>) {
    attestor.cell().spawn(keep(Arc::downgrade(attestor)));
}

async fn keep(attestor: Weak<Attestor>) {
    let mut rounds = interval(Duration::from_secs(ROUND_SECONDS));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let Some(attestor) = attestor.upgrade() else { return };
        round(&attestor).await;
    }
}

/// One look at all of them.
pub(crate) async fn round(attestor: &Attestor) {
    if let Err(error) = attestor.keep_keys().await {
        event!(ERROR, "attestor.keys_not_rotated", reason = error.code());
    }
    if let Err(error) = attestor.keep_policy().await {
        event!(ERROR, "attestor.manifest_not_taken", reason = error.code());
    }
    if let Err(error) = attestor.keep_azure_keys().await {
        event!(ERROR, "attestor.azure_keys_not_rotated", reason = error.code());
    }
    if let Err(error) = attestor.keep_endorsements().await {
        event!(ERROR, "attestor.endorsements_not_taken", reason = error.code());
    }
}
