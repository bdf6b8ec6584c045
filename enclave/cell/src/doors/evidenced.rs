//! The attestor's certificate on the direct door: nobody gives it a token, so it carries its
//! own evidence, over the very key that the certificate is for, and is made anew before that
//! grows old. Without evidence there is a certificate that says nothing, as at boot.

use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::certificate::{LIFE_SECONDS, nonce, wrapper};
use tokio::time::sleep;

use super::Certificate;
use crate::{Cell, Refusal, event, limits};

/// How long a certificate is shown: half of its life, so that clocks may differ.
const SHOWN: Duration = Duration::from_secs(LIFE_SECONDS / 2);

/// Keeps the certificate fresh, for ever.
pub(crate) async fn keep(cell: Arc<Cell>, certificate: Arc<Certificate>) {
    let mut pause = limits::RENEW_PAUSE_MIN;
    loop {
        match renew(&cell, &certificate).await {
            Ok(()) => {
                pause = limits::RENEW_PAUSE_MIN;
                sleep(SHOWN).await;
            }
            Err(refusal) => {
                // At boot the key set is not there yet, and nothing is wrong.
                let reason = refusal.cause().unwrap_or("cell.not_ready");
                event!(INFO, "cell.certificate_without_evidence", reason = reason);
                sleep(pause).await;
                pause = (pause * 2).min(limits::RENEW_PAUSE_MAX);
            }
        }
    }
}

async fn renew(cell: &Cell, certificate: &Certificate) -> Result<(), Refusal> {
    let begins = cell.now();
    let nonce = nonce(begins, cell.signing_key().verifying_key());
    let answer = cell.evidence(nonce).await?;
    certificate
        .carry(cell, &wrapper(&answer), begins, begins.plus(LIFE_SECONDS))
        .map_err(|_| Refusal::internal("cell.certificate"))
}
