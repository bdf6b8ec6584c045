//! The enclave's own token, always fresh: fetched at boot, renewed after two thirds of its
//! life, retried with growing pauses. The cell's. An expired token is never handed out, and
//! readiness ends with it.

use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::handshake::{EvidenceQuery, HandshakeRefusal, PeerCheck, To};
use autoclave_attest::token::VerifiedToken;
use autoclave_base::UnixTime;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::doors::Certificate;
use crate::trust::{TrustError, carry};
use crate::{Cell, event, limits};

/// How often sealing keys are replaced: an hour's requests are lost to who steals a key.
/// The previous keys open for as long again, which outlasts every token that names them.
const SEALING_KEYS_SECONDS: u64 = 3600;

/// The token of this moment.
pub(crate) struct Passport {
    current: watch::Sender<Option<Arc<VerifiedToken>>>,
    wanted: Notify,
}

impl Passport {
    pub(crate) fn new() -> Self {
        Self { current: watch::Sender::new(None), wanted: Notify::new() }
    }

    /// The token, if it lives: after a clock has stepped back, one from the future does not,
    /// because nobody else would take it.
    pub(crate) fn current(&self, now: UnixTime) -> Option<Arc<VerifiedToken>> {
        let begun = |token: &VerifiedToken| token.claims().iat <= now.plus(CLOCK_SKEW_SECONDS);
        self.current.borrow().clone().filter(|token| now < token.expires() && begun(token))
    }

    /// Forgets the token if it was issued before `time`; whoever needs one waits for the
    /// next. Says whether it did.
    pub(crate) fn discard_from_before(&self, time: UnixTime) -> bool {
        self.current.send_if_modified(|current| {
            current.take_if(|token| token.claims().iat < time).is_some()
        })
    }

    /// The token, once there is a living one.
    pub(crate) async fn fresh(&self, clock: &Clock) -> Arc<VerifiedToken> {
        let mut changes = self.current.subscribe();
        loop {
            if let Some(token) = self.current(clock.now()) {
                return token;
            }
            self.wanted.notify_one();
            // The sender lives as long as `self`.
            let _unchanged = changes.changed().await;
        }
    }
}

/// Keeps the token fresh, for ever. `certificate` is remade with every token.
pub(crate) async fn keep(cell: Arc<Cell>, passport: Arc<Passport>, certificate: Arc<Certificate>) {
    let mut sealing_keys_made = cell.now();
    loop {
        let token = Arc::new(obtain_patiently(&cell).await);
        event!(INFO, "token.renewed", expires = token.expires(), token = token.digest());
        if let Err(_cause) = certificate.renew(&cell, Some(&token)) {
            event!(ERROR, "cell.certificate");
        }
        passport.current.send_replace(Some(token.clone()));
        until_renewal(&cell, &passport, &token).await;
        if cell.now().since(sealing_keys_made) >= SEALING_KEYS_SECONDS {
            cell.identity().rotate();
            sealing_keys_made = cell.now();
        }
    }
}

/// Waits for two thirds of the token's life, or until somebody finds it expired.
async fn until_renewal(cell: &Cell, passport: &Passport, token: &VerifiedToken) {
    let claims = token.claims();
    let renewal = claims.iat.plus(claims.exp.since(claims.iat) / 3 * 2);
    loop {
        let left = renewal.since(cell.now());
        if left == 0 {
            return;
        }
        // Either end is only a reason to look at the clock again.
        let _looked = timeout(Duration::from_secs(left), passport.wanted.notified()).await;
        if passport.current(cell.now()).is_none() {
            return;
        }
    }
}

/// Asks until there is a token.
async fn obtain_patiently(cell: &Cell) -> VerifiedToken {
    let mut pause = limits::RENEW_PAUSE_MIN;
    let mut attestor_age_max = limits::ATTESTOR_SECONDS_MAX;
    loop {
        let error = match obtain(cell, attestor_age_max).await {
            Ok(token) => return token,
            Err(error) => error,
        };
        event!(WARN, "token.not_renewed", reason = error.code());
        if matches!(error, TrustError::Refused(HandshakeRefusal::Token(_))) {
            // Keys or manifest may have changed since the attestor was verified.
            attestor_age_max = 0;
        }
        sleep(pause).await;
        pause = (pause * 2).min(limits::RENEW_PAUSE_MAX);
    }
}

/// The same questions that a peer would ask, with oneself in the peer's place.
async fn obtain(cell: &Cell, attestor_age_max: u64) -> Result<VerifiedToken, TrustError> {
    let Some(relying) = cell.relying() else {
        return Err(HandshakeRefusal::NotTheAttestor.into());
    };
    let attestor = relying.attestor(cell.trust(), cell.clock(), attestor_age_max).await?;
    let mut check = PeerCheck::passport(&attestor, cell.workload().clone());
    while let Some(ask) = check.next() {
        match ask.to {
            To::Attestor => {
                let answer = carry(cell.carrier(), relying.url(), ask).await?;
                check.answer(answer.status.as_u16(), &answer.body, cell.now())?;
            }
            To::Peer => {
                let (status, body) = own_evidence(cell, &ask.body).await;
                check.answer(status, &body, cell.now())?;
            }
        }
    }
    Ok(check.finish()?.into_token())
}

async fn own_evidence(cell: &Cell, query: &[u8]) -> (u16, Vec<u8>) {
    const NONE: (u16, Vec<u8>) = (500, Vec::new());
    let Ok(EvidenceQuery { nonce }) = serde_json::from_slice(query) else { return NONE };
    match cell.evidence(nonce).await {
        Ok(answer) => serde_json::to_vec(&answer).map_or(NONE, |body| (200, body)),
        Err(refusal) => {
            event!(WARN, "evidence.none", reason = refusal.cause().unwrap_or("cell.not_ready"));
            NONE
        }
    }
}
