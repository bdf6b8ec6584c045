//! Believing others: the attestor by its evidence and the release manifest, and by it
//! everybody else. The cell's; the rules are `autoclave_attest::handshake`'s, and this is
//! their shell. No key of an attestor is configured anywhere.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::evidence::{Root, RootRefusal};
use autoclave_attest::handshake::{
    Ask, AttestorCheck, HandshakeRefusal, Trust, TrustAnchors, VerifiedAttestor,
};
use autoclave_base::UnixTime;
use axum::body::Body;
use http::Method;
use tokio::sync::Mutex;

use crate::carrier::{Answer, BaseUrl, Carrier, CarrierError, Parcel};
use crate::clock::{Clock, Entropy};
use crate::config::Common;
use crate::{BootError, Refusal};

/// Why somebody is not believed, or could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrustError {
    /// They could not be asked.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// What they answered is refused.
    #[error(transparent)]
    Refused(#[from] HandshakeRefusal),
}

impl TrustError {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Carrier(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

impl From<TrustError> for Refusal {
    fn from(error: TrustError) -> Self {
        Self::unavailable("cell.no_attestor", "The attestation service is not available.")
            .caused_by(error.code())
    }
}

/// What the configuration trusts.
pub(crate) fn anchors(common: &Common) -> Result<Trust, BootError> {
    let anchors = TrustAnchors {
        roots: roots(common),
        release_keys: common.trust.release_keys.clone(),
        issuer: common.trust.issuer.clone(),
        manifest_serial_min: common.trust.manifest_serial_min,
    };
    Trust::try_from(anchors)
        .map_err(|refusal: RootRefusal| BootError::setup("config.trust", refusal))
}

/// Roots of hardware, and in development those of software.
fn roots(common: &Common) -> Vec<Root> {
    let development = common.development.clone().unwrap_or_default();
    let software = development.software_root.map(|jwk| Root::Software { jwk });
    let tpms = common.trust.tpm_roots.iter().cloned().chain(development.tpm_root);
    let hardware = common.trust.hardware.iter().cloned();
    software.into_iter().chain(tpms.map(Root::Tpm)).chain(hardware).collect()
}

/// Carries one question of a handshake.
pub(crate) async fn carry(
    carrier: &Carrier,
    to: &BaseUrl,
    ask: Ask,
) -> Result<Answer, CarrierError> {
    let method = Method::try_from(ask.method).map_err(|_| CarrierError::Request)?;
    let body = Body::from(ask.body);
    let parcel = Parcel { method, path: ask.path, content_type: ask.content_type, body };
    carrier.exchange(to, parcel).await
}

/// Whether something happened at most `age_max` seconds ago. After a clock has stepped back,
/// what lies in its future is as old as anything.
fn is_recent(at: UnixTime, now: UnixTime, age_max: u64) -> bool {
    at <= now.plus(CLOCK_SKEW_SECONDS) && now.since(at) <= age_max
}

/// The attestor as this enclave last verified it.
pub(crate) struct Relying {
    url: BaseUrl,
    carrier: Carrier,
    verified: Mutex<Option<Arc<VerifiedAttestor>>>,
}

impl Relying {
    pub(crate) fn new(url: BaseUrl, carrier: Carrier) -> Self {
        Self { url, carrier, verified: Mutex::new(None) }
    }

    /// Where it is asked.
    pub(crate) const fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// The attestor, verified at most `age_max` seconds ago. While it cannot be reached, an
    /// older check stands: the tokens that it lets one believe end by themselves.
    pub(crate) async fn attestor(
        &self,
        trust: &Trust,
        clock: &Clock,
        age_max: u64,
    ) -> Result<Arc<VerifiedAttestor>, TrustError> {
        // Held while asking, so that many waiting requests make one check.
        let mut verified = self.verified.lock().await;
        let earlier = verified.clone();
        if let Some(attestor) = &earlier
            && is_recent(attestor.verified_at(), clock.now(), age_max)
        {
            return Ok(attestor.clone());
        }
        match (self.check(trust, clock).await, earlier) {
            (Ok(attestor), _) => Ok(verified.insert(Arc::new(attestor)).clone()),
            (Err(TrustError::Carrier(_)), Some(earlier)) => Ok(earlier),
            (Err(error), _) => {
                *verified = None;
                Err(error)
            }
        }
    }

    async fn check(&self, trust: &Trust, clock: &Clock) -> Result<VerifiedAttestor, TrustError> {
        let mut check = AttestorCheck::start(trust, &mut Entropy);
        while let Some(ask) = check.next() {
            let answer = carry(&self.carrier, &self.url, ask).await?;
            check.answer(answer.status.as_u16(), &answer.body, clock.now())?;
        }
        Ok(check.finish()?)
    }
}
