//! The broker as a whole: the rules, the vault, what was revoked, the open cases, the
//! refusals and the administrators, on one cell. It puts the steps in order; the steps
//! themselves are elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use autoclave_attest::chain::VerifiedChain;
use autoclave_base::ids::{KeyName, WorkloadName};
use autoclave_base::{Digest, UnixTime};
use autoclave_cell::administrators::Administrators;
use autoclave_cell::governance::{self, Governance, Policies as _};
use autoclave_cell::policy::Past;
use autoclave_cell::release::{Lease, REFUSED, ReleasedKey};
use autoclave_cell::{BootError, Cell, Refusal, event};
use autoclave_ledger::Label;
use http::request::Parts;

use crate::akv::{Bearers, KeyVaultSettings};
use crate::config::{Settings, schema};
use crate::glass::Cabinet;
use crate::institution::lease;
use crate::keep::{Embedded, KeepError, Kept, SealedFile};
use crate::refusals::{Refusals, Refused};
use crate::release::{
    self, Action, Asked, Caller, Facts, OPERATION, Recorded, RecordedRefusal, RecordedRelease,
    Which,
};
use crate::revoke::{Revocations, Revoked};
use crate::vault::{Tenant, Vault};

/// What the ledger calls the policy.
const POLICY_NAME: &str = "release";

/// How somebody is called who is not known.
const STRANGER: &str = "stranger";

/// What every refused caller is told.
pub(crate) const REFUSAL: Refusal = Refusal::forbidden(REFUSED, "The key is not released.");

const NOT_RECORDED: Refusal =
    Refusal::unavailable("release.not_recorded", "The decision could not be recorded.");

const NOT_READ: Refusal =
    Refusal::unavailable("release.not_read", "The store of keys does not answer.");

/// A running broker.
pub struct Broker {
    pub(crate) cell: Arc<Cell>,
    pub(crate) kept: Kept,
    pub(crate) vault: Vault,
    pub(crate) revocations: Revocations,
    pub(crate) cabinet: Cabinet,
    pub(crate) refusals: Refusals,
    pub(crate) administrators: Administrators,
    pub(crate) key_vault: Option<KeyVaultSettings>,
    pub(crate) bearers: Bearers,
    pub(crate) governance: Arc<Governance>,
}

impl Broker {
    /// Opens it on the cell's own state.
    pub async fn open(cell: Arc<Cell>, settings: Settings) -> Result<Self, BootError> {
        let failed = |error: KeepError| BootError::role(error.code(), error);
        let keep = Arc::new(Embedded::open(cell.clone()).map_err(failed)?);
        let root = Arc::new(SealedFile::open(&cell).map_err(failed)?);
        Self::open_on(cell, settings, Kept::new(keep, root)).await
    }

    /// Opens it: rules, vault, generated keys; the rules are recorded where they are new.
    pub async fn open_on(
        cell: Arc<Cell>,
        settings: Settings,
        kept: Kept,
    ) -> Result<Self, BootError> {
        let governance = Governance::open(cell.clone(), governed(&settings)).await?;
        let institutions = settings.institutions();
        let ledger = cell.ledger().clone();
        let vault = Vault::new(settings.keys, institutions, kept.clone(), ledger)
            .map_err(|error| BootError::role(error.code(), error))?;
        vault
            .take_over(cell.state())
            .await
            .map_err(|error| BootError::role(error.code(), error))?;
        let by = Label::of(cell.workload());
        vault
            .generate(&by, cell.now(), &mut cell.rng())
            .await
            .map_err(|error| BootError::role(error.code(), error))?;
        Ok(Self {
            vault,
            revocations: Revocations::new(kept.clone()),
            cabinet: Cabinet::new(kept.clone()),
            refusals: Refusals::open(cell.state()),
            administrators: Administrators::new(settings.administrators),
            bearers: Bearers::new(settings.key_vault.as_ref()),
            key_vault: settings.key_vault,
            kept,
            cell,
            governance,
        })
    }

    /// Every workload of the release manifest may ask, alone in its chain; what it gets is
    /// for the rules to say.
    async fn callers(&self) -> Result<Vec<Vec<WorkloadName>>, Refusal> {
        let attestor = self.cell.attestor().await?;
        let releases = &attestor.manifest().manifest().workloads;
        Ok(releases.iter().map(|release| vec![release.name.clone()]).collect())
    }

    /// Who sends a request, if its chain of one link verifies. A stranger is recorded.
    pub(crate) async fn caller(
        &self,
        parts: &Parts,
        body: Digest,
    ) -> Result<VerifiedChain, Refusal> {
        let callers = self.callers().await?;
        match self.cell.chain(parts, body, &callers).await {
            Ok(chain) => Ok(chain),
            Err(refusal) if refusal.status().is_server_error() => Err(refusal),
            Err(refusal) => Err(self.refuse_stranger(&refusal).await),
        }
    }

    /// A release for a verified caller: decided, recorded, wrapped; in this order.
    pub(crate) async fn release(
        &self,
        chain: &VerifiedChain,
        (tenant, name): (Option<&Tenant<'_>>, &str),
        version: Option<u32>,
    ) -> Result<ReleasedKey, Refusal> {
        let asked = self.asked(chain, (tenant, name), version.into(), Action::Release);
        let recorded = match self.judge(asked, tenant, name).await? {
            Recorded::Release(recorded) => recorded,
            Recorded::Use(_) => return Err(REFUSAL),
            Recorded::Refusal(refused) => return Err(self.refuse(&refused)),
        };
        // As it stands now: what was revoked since the decision does not leave.
        let record = match (tenant, KeyName::parse(name)) {
            (Some(tenant), Ok(name)) => {
                tenant.key(&name).await.map_err(|error| NOT_READ.caused_by(error.code()))?
            }
            _ => None,
        };
        release::wrap(recorded, record.as_ref(), self.cell.now(), &mut self.cell.rng())
            .map_err(|error| REFUSAL.caused_by(error.code()))
    }

    /// Whether a caller may go on using a key that was released to it.
    pub(crate) async fn lease(
        &self,
        chain: &VerifiedChain,
        (tenant, name): (Option<&Tenant<'_>>, &str),
        version: Option<u32>,
    ) -> Result<Lease, Refusal> {
        let asked = self.asked(chain, (tenant, name), version.into(), Action::Lease);
        match self.judge(asked, tenant, name).await? {
            Recorded::Use(used) => Ok(lease(used.version())),
            Recorded::Release(_) => Err(REFUSAL),
            Recorded::Refusal(refused) => Err(self.refuse(&refused)),
        }
    }

    /// Whether a caller may use a key here, and which version; recorded.
    pub(crate) async fn use_key(
        &self,
        chain: &VerifiedChain,
        (tenant, name): (&Tenant<'_>, &str),
        which: Which,
        action: Action,
    ) -> Result<u32, Refusal> {
        let asked = self.asked(chain, (Some(tenant), name), which, action);
        match self.judge(asked, Some(tenant), name).await? {
            Recorded::Use(used) => Ok(used.version()),
            Recorded::Release(_) => Err(REFUSAL),
            Recorded::Refusal(refused) => Err(self.refuse(&refused)),
        }
    }

    fn asked(
        &self,
        chain: &VerifiedChain,
        (tenant, name): (Option<&Tenant<'_>>, &str),
        which: Which,
        action: Action,
    ) -> Asked {
        let caller = Caller::Workload(Box::new(chain.caller().clone()));
        let institution = tenant.map(Tenant::institution);
        Asked::new(caller, action, (institution, name), which, self.cell.now())
    }

    /// Decides and records a release by a key's own policy.
    pub(crate) async fn decide(
        &self,
        asked: Asked,
        tenant: &Tenant<'_>,
        name: &str,
    ) -> Result<RecordedRelease, Refusal> {
        match self.judge(asked, Some(tenant), name).await? {
            Recorded::Release(recorded) => Ok(recorded),
            Recorded::Use(_) => Err(REFUSAL),
            Recorded::Refusal(refused) => Err(self.refuse(&refused)),
        }
    }

    /// Reads what the decision rests on, decides, records.
    async fn judge(
        &self,
        asked: Asked,
        tenant: Option<&Tenant<'_>>,
        name: &str,
    ) -> Result<Recorded, Refusal> {
        let failed = |code| NOT_READ.caused_by(code);
        let (mut record, mut revoked, mut cases) = (None, Revoked::default(), Vec::new());
        if let (Some(tenant), Ok(name)) = (tenant, KeyName::parse(name)) {
            record = tenant.key(&name).await.map_err(|error| failed(error.code()))?;
            let institution = tenant.institution();
            revoked =
                self.revocations.of(institution).await.map_err(|error| failed(error.code()))?;
            cases = self.cabinet.of(institution).await.map_err(|error| failed(error.code()))?;
        }
        let policy = tenant.and_then(|tenant| self.governance.policy_for(tenant.institution()));
        let facts = Facts { policy, record: record.as_ref(), revoked: &revoked, cases: &cases };
        let decided = release::decide(asked, &facts);
        let recorded = release::record(decided, self.cell.ledger()).await;
        let recorded = recorded.map_err(|error| NOT_RECORDED.caused_by(error.code()))?;
        if let Some(past) = recorded.past() {
            self.governance.note(past);
        }
        Ok(recorded)
    }

    fn refuse(&self, recorded: &RecordedRefusal) -> Refusal {
        let refused = Refused::by_rules(recorded, REFUSED, recorded.institution().cloned());
        if let Err(error) = self.refusals.note(refused, self.cell.state()) {
            // The ledger has the refusal; what is lost at the next start is its wording.
            event!(WARN, "refusals.not_kept", reason = error.code());
        }
        REFUSAL.at_line(recorded.line())
    }

    /// A refusal of somebody whose chain does not verify: recorded, then told like any.
    pub(crate) async fn refuse_stranger(&self, refusal: &Refusal) -> Refusal {
        let code = refusal.cause().unwrap_or_else(|| refusal.code());
        let told = match self.tell_stranger(code).await {
            Ok(Some(line)) => REFUSAL.at_line(line),
            Ok(None) => REFUSAL,
            Err(error) => return error,
        };
        match refusal.cause() {
            Some(cause) => told.caused_by(cause),
            None => told,
        }
    }

    /// The line of a stranger's refusal, and its place in the books.
    pub(crate) async fn tell_stranger(&self, code: &str) -> Result<Option<u64>, Refusal> {
        let told = self.cell.tell_refusal(OPERATION, code).await;
        let told = told.map_err(|error| NOT_RECORDED.caused_by(error.code()))?;
        if let Some(line) = told {
            self.refusals.note_stranger(Refused::of_stranger(line, code, self.cell.now()));
            self.governance.note(strangers(line, code, self.cell.now()));
        }
        Ok(told)
    }
}

/// Every institution that owns a key or administers one has a policy of its own, which
/// begins as the configuration's.
fn governed(settings: &Settings) -> governance::Options {
    let owners = settings.keys.iter().map(|key| &key.owner);
    let administered = settings.institutions();
    let owners: BTreeSet<&Label> = owners.chain(&administered).collect();
    governance::Options {
        name: POLICY_NAME,
        schema: schema(),
        configured: settings.policy.rules.clone(),
        owners: owners.into_iter().cloned().collect(),
        settings: settings.governance.clone(),
        administrators: settings.administrators.clone(),
        shelf: None,
    }
}

/// What is remembered of somebody whose chain does not verify: no rule was asked.
fn strangers(line: u64, code: &str, now: UnixTime) -> Past {
    Past {
        operation: Label::code(OPERATION),
        owner: None,
        policy: None,
        caller: Label::code(STRANGER),
        claims: None,
        ask: None,
        granted: false,
        code: Some(Label::of_claim(code)),
        rules: Vec::new(),
        why: Vec::new(),
        first: now,
        last: now,
        count: 1,
        lines: [line].into(),
    }
}
