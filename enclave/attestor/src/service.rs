//! The service itself, between the routes and the rules: nonce, evidence, verdict, line,
//! token, in this order. The attestor's alone. What fails at any step yields no token, and
//! a refusal is a line of the ledger as well.

use std::sync::{Mutex, MutexGuard, PoisonError};

use autoclave_attest::appraise::Appraisal;
use autoclave_attest::evidence::{Endorsements, Verified};
use autoclave_attest::handshake::{AttestQuery, NonceAnswer, TokenAnswer};
use autoclave_attest::nonce::NonceBook;
use autoclave_attest::release::VerifiedManifest;
use autoclave_attest::token::{Issuance, Issuer, UNKNOWN_WORKLOAD};
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::governance::Governance;
use autoclave_cell::{BootError, Cell, Refusal};
use autoclave_ledger::{Event, Label};

use crate::azure::Azure;
use crate::endorsements::{EndorsementsError, Known};
use crate::governed;
use crate::keys::{Keys, KeysError};
use crate::policy::Policy;
use crate::refusal;
use crate::settings::{AttestorSettings, Settings};
use crate::veraison::Sessions;

use std::sync::Arc;

/// Longest audience: a URL or a name with a digest.
const AUDIENCE_BYTES_MAX: usize = 256;

/// The attestation service.
pub(crate) struct Attestor {
    cell: Arc<Cell>,
    settings: AttestorSettings,
    nonces: Mutex<NonceBook>,
    pub(crate) keys: Keys,
    pub(crate) policy: Policy,
    pub(crate) governance: Arc<Governance>,
    endorsements: Known,
    pub(crate) azure: Azure,
    sessions: Mutex<Sessions>,
    build: String,
}

impl Attestor {
    /// Opens keys and manifest.
    pub(crate) async fn open(cell: Arc<Cell>, settings: Settings) -> Result<Self, BootError> {
        let governance = governed::open(&cell, &settings).await?;
        let settings = settings.attestor;
        let policy = Policy::open(&cell, settings.manifest.clone()).await?;
        let keys = Keys::open(&cell).await?;
        let build = cell.measurement().to_string();
        let endorsements = Known::open(&cell, settings.endorsements.clone()).await?;
        let azure = Azure::open(&cell, settings.azure.clone())?;
        let nonces = Mutex::default();
        let sessions = Mutex::default();
        Ok(Self {
            cell,
            settings,
            nonces,
            keys,
            policy,
            governance,
            endorsements,
            azure,
            sessions,
            build,
        })
    }

    /// The enclave that it is.
    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    /// `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        self.cell.trust().issuer()
    }

    /// Veraison's sessions. To be held for one step.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a key signs (seconds).
    pub(crate) fn key_life(&self) -> u64 {
        self.settings.key_life()
    }

    /// The build that stands in tokens.
    pub(crate) fn build(&self) -> &str {
        &self.build
    }

    /// What vendors say, as of the last look at the file.
    pub(crate) fn endorsements(&self) -> Arc<Endorsements> {
        self.endorsements.current()
    }

    /// Takes newer endorsements.
    pub(crate) async fn keep_endorsements(&self) -> Result<(), EndorsementsError> {
        self.endorsements.keep(&self.cell).await
    }

    /// Rotates keys that are due.
    pub(crate) async fn keep_keys(&self) -> Result<(), KeysError> {
        self.keys.keep(&self.cell, self.settings.key_life()).await
    }

    /// Takes a newer manifest.
    pub(crate) async fn keep_policy(&self) -> Result<(), crate::policy::PolicyError> {
        self.policy.keep(&self.cell).await
    }

    /// A nonce, to be used once.
    pub(crate) fn nonce(&self) -> Result<NonceAnswer, Refusal> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = nonces.issue(&mut self.cell.rng(), self.cell.now());
        let (nonce, expires_at) = issued.map_err(refusal::of_nonce)?;
        Ok(NonceAnswer { nonce, expires_at })
    }

    /// Appraises evidence: a token, whose verdict is in the ledger; or a refusal, which is
    /// there too.
    pub(crate) async fn attest(&self, query: &AttestQuery) -> Result<TokenAnswer, Refusal> {
        let count = |outcome| self.cell.metrics().count("attest", outcome);
        match self.verify(query) {
            Ok((verified, manifest)) => {
                let token = self.issue(query, &verified, &manifest).await?;
                count("verdict");
                Ok(TokenAnswer { token })
            }
            Err(refusal) => {
                let line = self.tell_refusal(&refusal).await?;
                count("refused");
                self.governance.note(governed::not_believed(refusal.code(), line, self.cell.now()));
                Err(line.map_or(refusal.clone(), |line| refusal.at_line(line)))
            }
        }
    }

    /// The nonce first: it is spent even on evidence that does not verify.
    fn verify(&self, query: &AttestQuery) -> Result<(Verified, Arc<VerifiedManifest>), Refusal> {
        let now = self.cell.now();
        if !is_audience(&query.audience) {
            return Err(refusal::AUDIENCE);
        }
        self.nonces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .consume(query.runtime.nonce(), now)
            .map_err(refusal::of_nonce)?;
        let manifest = self.policy.in_force();
        if now >= manifest.expires() {
            return Err(refusal::MANIFEST_EXPIRED);
        }
        let verifiers = self.cell.trust().verifiers();
        let verified = verifiers
            .verify(&query.evidence, &query.runtime.report_data(), &self.endorsements(), now)
            .map_err(refusal::of_evidence)?;
        Ok((verified, manifest))
    }

    /// Signs the verdict, and lets it go once its line is durable.
    async fn issue(
        &self,
        query: &AttestQuery,
        verified: &Verified,
        manifest: &VerifiedManifest,
    ) -> Result<String, Refusal> {
        let (own, now) = (self.cell.measurement(), self.cell.now());
        let judged = governed::judge(verified, manifest, &self.governance, own, now);
        let judged = judged.ok_or(refusal::NO_RULES)?;
        let appraisal = &judged.appraisal;
        let issuance = Issuance {
            issuer: Issuer { name: self.issuer(), build: &self.build },
            audience: &query.audience,
            verified,
            runtime: &query.runtime,
            appraisal,
        };
        let claims = issuance.claims(&mut self.cell.rng(), now);
        let token = claims.sign(self.keys.in_use().ring.current());
        let line = self.append(verdict(verified, appraisal, Digest::of(&token))).await?;
        self.governance.note(judged.past(line, now));
        Ok(token)
    }

    async fn tell_refusal(&self, refusal: &Refusal) -> Result<Option<u64>, Refusal> {
        Ok(self.cell.tell_refusal("attest", refusal.code()).await?)
    }

    pub(crate) async fn append(&self, event: Event) -> Result<u64, Refusal> {
        Ok(self.cell.ledger().append(event).await?.index)
    }
}

fn is_audience(text: &str) -> bool {
    (1..=AUDIENCE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn verdict(verified: &Verified, appraisal: &Appraisal, token: Digest) -> Event {
    let claims = verified.claims();
    Event::Verdict {
        workload: appraisal.workload.clone().unwrap_or_else(unknown),
        measurement: claims.measurement,
        kind: Label::of(&claims.kind),
        status: Label::of(&appraisal.status),
        token,
        policy: appraisal.policy,
    }
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
pub(crate) fn unknown() -> WorkloadName {
    WorkloadName::parse(UNKNOWN_WORKLOAD).expect("a name")
}
