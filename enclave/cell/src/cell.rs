//! What a role gets from its shell. The cell's. It hands out the time, randomness, keys to
//! sign with, tokens and the state, and never a private key's bytes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::book::ProofBook;
use autoclave_attest::evidence::{Evidence, Measured, TeeKind};
use autoclave_attest::handshake::{EvidenceAnswer, Trust, VerifiedAttestor};
use autoclave_attest::jwk::Thumbprint;
use autoclave_attest::nonce::Nonce;
use autoclave_attest::runtime::ReportData;
use autoclave_attest::token::VerifiedToken;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Secret, UnixTime};
use autoclave_seal::PublicSealingKey;
use autoclave_seal::fresh::{FreshnessRefusal, ReplayCache};
use autoclave_seal::request::Opened;
use autoclave_seal::wrap::{UnwrapRefusal, Wrapped};
use axum::body::{Body, Bytes};
use http::{Method, StatusCode};
use p256::ecdsa::SigningKey;
use tokio::time::timeout;

use crate::attester::Platform;
use crate::carrier::{BaseUrl, Carrier, Parcel};
use crate::chain::Callers;
use crate::clock::{Clock, Entropy};
use crate::identity::Identity;
use crate::kept::Keeping;
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::passport::Passport;
use crate::peer::Peer;
use crate::refusals::RefusalLines;
use crate::state::SealedState;
use crate::tasks::Tasks;
use crate::trust::{Relying, TrustError};
use crate::{BootError, Refusal, limits};

const NO_TOKEN: Refusal =
    Refusal::unavailable("cell.no_token", "The enclave has no fresh token at the moment.");
const NO_EVIDENCE: Refusal =
    Refusal::unavailable("cell.no_evidence", "The enclave cannot make evidence at the moment.");
const NO_ATTESTOR: Refusal = Refusal::internal("cell.is_the_attestor");

/// One running enclave, from its role's side.
pub struct Cell {
    pub(crate) workload: WorkloadName,
    pub(crate) measured: Measured,
    pub(crate) clock: Clock,
    pub(crate) machine: Machine,
    pub(crate) tasks: Tasks,
    pub(crate) platform: Platform,
    pub(crate) identity: Identity,
    pub(crate) trust: Trust,
    pub(crate) state: SealedState,
    pub(crate) data_dir: PathBuf,
    pub(crate) kbs_sample: bool,
    pub(crate) ledger: Ledger,
    pub(crate) keeping: Arc<Keeping>,
    pub(crate) refusals: Arc<RefusalLines>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) carrier: Carrier,
    /// Absent in the attestor, as is its passport.
    pub(crate) relying: Option<Relying>,
    pub(crate) passport: Arc<Passport>,
    pub(crate) callers: Callers,
    pub(crate) proofs: Mutex<ProofBook>,
    pub(crate) replays: Mutex<ReplayCache>,
}

impl Cell {
    /// Now, for rules that take the time.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Now, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Randomness, for rules that take it. May be kept across an `await`.
    pub const fn rng(&self) -> Entropy {
        Entropy
    }

    /// Threads that may block, for work that does.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Begins a task of this enclave; it ends with the enclave at the latest.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Whether the KBS protocol's `sample` is answered: a configuration for development can
    /// say so, no other has the word.
    pub const fn allows_kbs_sample(&self) -> bool {
        self.kbs_sample
    }

    /// Which role this is.
    pub const fn workload(&self) -> &WorkloadName {
        &self.workload
    }

    /// The hashes of this executable, configuration and libraries.
    pub const fn measured(&self) -> &Measured {
        &self.measured
    }

    /// The one digest over them that manifests name.
    pub fn measurement(&self) -> Digest {
        self.measured.measurement()
    }

    /// The key that the token binds; signs proofs, receipts and tokens of this enclave.
    pub const fn signing_key(&self) -> &SigningKey {
        self.identity.signing()
    }

    /// The name of that key: this enclave, as long as it lives.
    pub const fn thumbprint(&self) -> Thumbprint {
        self.identity.thumbprint()
    }

    /// What the configuration trusts.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What survives a restart.
    pub const fn state(&self) -> &SealedState {
        &self.state
    }

    /// The enclave's own folder, on the host's disk: nothing unsealed goes there.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The enclave's ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The same, for what counts beyond a request.
    pub(crate) fn shared_metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// The enclave's own living token; waits a little for one.
    pub async fn token(&self) -> Result<Arc<VerifiedToken>, Refusal> {
        if self.relying.is_none() {
            return Err(NO_ATTESTOR);
        }
        let fresh = self.passport.fresh(&self.clock);
        timeout(limits::TOKEN_WAIT_SECONDS_MAX, fresh).await.map_err(|_| NO_TOKEN)
    }

    /// Gives the own token up because a peer does not accept it, so that a new one is
    /// fetched. A token that is new already is kept: the fault is not its age.
    pub(crate) fn discard_token(&self) -> bool {
        let oldest = self.now().minus(limits::ATTESTOR_SECONDS_MIN);
        self.passport.discard_from_before(oldest)
    }

    /// The attestor with its keys and manifest, verified within
    /// [`limits::ATTESTOR_SECONDS_MAX`].
    pub async fn attestor(&self) -> Result<Arc<VerifiedAttestor>, Refusal> {
        self.attestor_of_age(limits::ATTESTOR_SECONDS_MAX).await
    }

    pub(crate) async fn attestor_of_age(
        &self,
        age_max: u64,
    ) -> Result<Arc<VerifiedAttestor>, Refusal> {
        let relying = self.relying.as_ref().ok_or(NO_ATTESTOR)?;
        Ok(relying.attestor(&self.trust, &self.clock, age_max).await?)
    }

    /// Asks the attestor something beyond the handshakes: posts JSON, and gives status and
    /// body of the answer. The way is plain: what comes back counts by what it proves alone.
    pub async fn ask_attestor(
        &self,
        path: &str,
        json: String,
    ) -> Result<(StatusCode, Bytes), Refusal> {
        let relying = self.relying.as_ref().ok_or(NO_ATTESTOR)?;
        let content_type = Some("application/json");
        let parcel = Parcel { method: Method::POST, path, content_type, body: Body::from(json) };
        let answer = self.carrier.exchange(relying.url(), parcel).await;
        let answer = answer.map_err(|error| Refusal::from(TrustError::from(error)))?;
        Ok((answer.status, answer.body))
    }

    /// A peer at `url` (`http://host:port`), to be believed only as `workload`.
    pub fn peer(self: &Arc<Self>, workload: WorkloadName, url: &str) -> Result<Peer, BootError> {
        Ok(Peer::new(self.clone(), workload, BaseUrl::parse(url)?))
    }

    /// The keys that others seal and wrap to, as this enclave's tokens name them.
    pub fn sealing_keys(&self) -> Vec<PublicSealingKey> {
        self.identity.sealing().public()
    }

    /// Opens a secret that was wrapped to one of this enclave's sealing keys.
    pub fn unwrap(
        &self,
        wrapped: &Wrapped,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, UnwrapRefusal> {
        self.identity.sealing().unwrap(wrapped, info, aad)
    }

    /// For the attestor: the digest of the key set that its evidence vouches for. Set by
    /// its role before it answers, and again with each rotation. Other roles have none.
    pub fn set_jwks_digest(&self, digest: Digest) {
        self.identity.set_jwks(digest);
    }

    /// Evidence over `nonce` and the enclave's keys.
    pub(crate) async fn evidence(&self, nonce: Nonce) -> Result<EvidenceAnswer, Refusal> {
        let runtime = self.identity.runtime(nonce)?;
        let (report_data, now) = (runtime.report_data(), self.now());
        let quoting = self.platform.quote(&self.machine, &self.measured, report_data, now);
        let evidence = quoting.await.map_err(|error| NO_EVIDENCE.caused_by(error.code()))?;
        Ok(EvidenceAnswer { evidence, runtime })
    }

    /// The kind of TEE that this is.
    pub fn tee(&self) -> TeeKind {
        self.platform.kind()
    }

    /// Evidence over report data that somebody in the same TEE chose. Not to be handed to
    /// anybody outside of it: whoever chooses the data chooses the keys that it speaks for.
    pub async fn quote(&self, report_data: ReportData) -> Result<Evidence, Refusal> {
        let quoting = self.platform.quote(&self.machine, &self.measured, report_data, self.now());
        quoting.await.map_err(|error| NO_EVIDENCE.caused_by(error.code()))
    }

    /// Lets a sealed request in once, and in time.
    pub(crate) fn admit(&self, opened: &Opened) -> Result<(), FreshnessRefusal> {
        let date = opened.date()?;
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        replays.admit(opened.id(), date, self.now())
    }

    /// Whether the enclave holds what it needs to answer: the attestor nothing, all others
    /// a living token.
    pub(crate) fn is_attested(&self) -> bool {
        self.relying.is_none() || self.passport.current(self.now()).is_some()
    }

    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) const fn relying(&self) -> Option<&Relying> {
        self.relying.as_ref()
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) const fn carrier(&self) -> &Carrier {
        &self.carrier
    }
}
