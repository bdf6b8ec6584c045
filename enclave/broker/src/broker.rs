//! The broker as a whole: the rules, the vault, the refusals and the administrators, on one
//! cell. It puts the steps in order; the steps themselves are elsewhere.

use std::sync::Arc;

use autoclave_attest::chain::VerifiedChain;
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use autoclave_cell::administrators::Administrators;
use autoclave_cell::policy::PolicyBook;
use autoclave_cell::release::{REFUSED, ReleasedKey};
use autoclave_cell::{BootError, Cell, Refusal, event};
use autoclave_ledger::{Event, Label};

use crate::config::{Settings, schema};
use crate::refusals::{Refusals, Refused};
use crate::release::{self, Asked, OPERATION, Recorded, RecordedRefusal};
use crate::vault::Vault;

/// What the ledger calls the policy.
const POLICY_NAME: &str = "release";

/// Where the state keeps the digest of the policy that the ledger named last.
const POLICY_PLACE: &str = "policy";

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
    book: PolicyBook,
}

impl Broker {
    /// Opens it: rules, vault, generated keys; and records the rules if they are new.
    pub async fn open(cell: Arc<Cell>, settings: Settings) -> Result<Self, BootError> {
        let book = PolicyBook::load(&settings.policy.rules, &schema())
            .map_err(|error| BootError::role(error.code(), error))?;
        let vault = Vault::open(settings.keys, cell.state())
            .map_err(|error| BootError::role(error.code(), error))?;
        record_policy(&cell, book.digest()).await?;
        let by = Label::of(cell.workload());
        vault
            .generate(cell.state(), cell.ledger(), &by, cell.now(), &mut cell.rng())
            .await
            .map_err(|error| BootError::role(error.code(), error))?;
        let refusals = Refusals::open(cell.state());
        let administrators = Administrators::new(settings.administrators);
        Ok(Self { cell, vault, refusals, administrators, book })
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
        let decided = release::decide(asked, &self.book, &self.vault);
        let recorded = release::record(decided, self.cell.ledger())
            .await
            .map_err(|error| NOT_RECORDED.caused_by(error.code()))?;
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
        REFUSAL
    }

    /// A refusal of somebody whose chain does not verify: recorded, then told like any.
    pub(crate) async fn refuse_stranger(&self, refusal: &Refusal) -> Refusal {
        let code = refusal.cause().unwrap_or_else(|| refusal.code());
        match self.cell.tell_refusal(OPERATION, code).await {
            Ok(Some(line)) => {
                self.refusals.note_stranger(Refused::of_stranger(line, code, self.cell.now()));
            }
            Ok(None) => {}
            Err(error) => return NOT_RECORDED.caused_by(error.code()),
        }
        match refusal.cause() {
            Some(cause) => REFUSAL.caused_by(cause),
            None => REFUSAL,
        }
    }
}

/// The line first, then the memory of it: a stop in between repeats the line, and never
/// leaves a policy in force that the ledger does not name.
async fn record_policy(cell: &Cell, to: Digest) -> Result<(), BootError> {
    let known = cell.state().get(POLICY_PLACE);
    let from: Option<Digest> = known
        .and_then(|bytes| std::str::from_utf8(bytes.expose()).ok().and_then(|it| it.parse().ok()));
    if from == Some(to) {
        return Ok(());
    }
    let name = Label::of_claim(POLICY_NAME);
    cell.ledger()
        .append(Event::PolicyChange { name, from, to })
        .await
        .map_err(|error| BootError::role(error.code(), error))?;
    cell.state().put(POLICY_PLACE, to.to_string().as_bytes())?;
    Ok(())
}
