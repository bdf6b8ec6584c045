//! The broker as a whole: the rules, the vault, the refusals and the administrators, on one
//! cell. It puts the steps in order; the steps themselves are elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use autoclave_attest::chain::VerifiedChain;
use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::administrators::Administrators;
use autoclave_cell::governance::{self, Governance};
use autoclave_cell::policy::Past;
use autoclave_cell::release::{REFUSED, ReleasedKey};
use autoclave_cell::{BootError, Cell, Refusal, event};
use autoclave_ledger::Label;

use crate::config::{Settings, schema};
use crate::refusals::{Refusals, Refused};
use crate::release::{self, Asked, OPERATION, Recorded, RecordedRefusal};
use crate::vault::Vault;

/// What the ledger calls the policy.
const POLICY_NAME: &str = "release";

/// How somebody is called who is not known.
const STRANGER: &str = "stranger";

/// What every refused caller is told.
pub(crate) const REFUSAL: Refusal = Refusal::forbidden(REFUSED, "The key is not released.");

const NOT_RECORDED: Refusal =
    Refusal::unavailable("release.not_recorded", "The decision could not be recorded.");

/// A running broker.
pub struct Broker {
    pub(crate) cell: Arc<Cell>,
    pub(crate) vault: Vault,
    pub(crate) refusals: Refusals,
    pub(crate) administrators: Administrators,
    pub(crate) governance: Arc<Governance>,
}

impl Broker {
    /// Opens it: rules, vault, generated keys; the rules are recorded where they are new.
    pub async fn open(cell: Arc<Cell>, settings: Settings) -> Result<Self, BootError> {
        let governance = Governance::open(cell.clone(), governed(&settings)).await?;
        let vault = Vault::open(settings.keys, cell.state())
            .map_err(|error| BootError::role(error.code(), error))?;
        let by = Label::of(cell.workload());
        vault
            .generate(cell.state(), cell.ledger(), &by, cell.now(), &mut cell.rng())
            .await
            .map_err(|error| BootError::role(error.code(), error))?;
        let refusals = Refusals::open(cell.state());
        let administrators = Administrators::new(settings.administrators);
        Ok(Self { cell, vault, refusals, administrators, governance })
    }

    /// Every workload of the release manifest may ask, alone in its chain; what it gets is
    /// for the rules to say.
    pub(crate) async fn callers(&self) -> Result<Vec<Vec<WorkloadName>>, Refusal> {
        let attestor = self.cell.attestor().await?;
        let releases = &attestor.manifest().manifest().workloads;
        Ok(releases.iter().map(|release| vec![release.name.clone()]).collect())
    }

    /// A release for a verified caller: decided, recorded, wrapped; in this order.
    pub(crate) async fn release(
        &self,
        chain: &VerifiedChain,
        name: &str,
        version: Option<u32>,
    ) -> Result<ReleasedKey, Refusal> {
        let asked = Asked::new(chain.caller(), name, version, self.cell.now());
        let decided = release::decide(asked, &*self.governance, &self.vault);
        let recorded = release::record(decided, self.cell.ledger())
            .await
            .map_err(|error| NOT_RECORDED.caused_by(error.code()))?;
        self.governance.note(recorded.past());
        match recorded {
            Recorded::Release(recorded) => {
                release::wrap(recorded, &self.vault, &mut self.cell.rng())
                    .map_err(|error| REFUSAL.caused_by(error.code()))
            }
            Recorded::Refusal(recorded) => Err(self.refuse(&recorded)),
        }
    }

    fn refuse(&self, recorded: &RecordedRefusal) -> Refusal {
        let owner = recorded.key().and_then(|key| self.vault.owner(key)).cloned();
        let refused = Refused::by_rules(recorded, REFUSED, owner);
        if let Err(error) = self.refusals.note(refused, self.cell.state()) {
            // The ledger has the refusal; what is lost at the next start is its wording.
            event!(WARN, "refusals.not_kept", reason = error.code());
        }
        REFUSAL.at_line(recorded.line())
    }

    /// A refusal of somebody whose chain does not verify: recorded, then told like any.
    pub(crate) async fn refuse_stranger(&self, refusal: &Refusal) -> Refusal {
        let code = refusal.cause().unwrap_or_else(|| refusal.code());
        let told = match self.cell.tell_refusal(OPERATION, code).await {
            Ok(Some(line)) => {
                self.refusals.note_stranger(Refused::of_stranger(line, code, self.cell.now()));
                self.governance.note(strangers(line, code, self.cell.now()));
                REFUSAL.at_line(line)
            }
            Ok(None) => REFUSAL,
            Err(error) => return NOT_RECORDED.caused_by(error.code()),
        };
        match refusal.cause() {
            Some(cause) => told.caused_by(cause),
            None => told,
        }
    }
}

/// Every institution that owns a key or administers one has a policy of its own, which
/// begins as the configuration's.
fn governed(settings: &Settings) -> governance::Options {
    let owners = settings.keys.iter().map(|key| &key.owner);
    let administered = settings.administrators.iter().map(|it| &it.institution);
    let owners: BTreeSet<&Label> = owners.chain(administered).collect();
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
