//! Governance at the start of an enclave.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use autoclave_ledger::Label;
use autoclave_policy::govern::{
    CharterRefusal, Checked, Governed, OpenRefusal, Outcome, PolicyId, genesis, reopen,
};
use tokio::sync::Mutex;

use super::decisions::Journal;
use super::shelf::OwnState;
use super::{Governance, InForce, Options, Turn, keeper, place};
use crate::administrators::{AdministratorSettings, Administrators};
use crate::{BootError, Cell, Refusal};

impl Governance {
    /// Opens the policies of all owners: begins those that are new, takes up the others, and
    /// says in the ledger what that changed. A policy that is kept and cannot be read keeps
    /// the enclave from starting.
    pub async fn open(cell: Arc<Cell>, options: Options) -> Result<Arc<Self>, BootError> {
        let audience = format!("{}#{}", cell.trust().issuer(), cell.workload());
        let charter = options.settings.charter(audience);
        let charter =
            charter.map_err(|error: CharterRefusal| BootError::role(error.code(), error))?;
        let configured = Checked::of(&options.configured, &options.schema)
            .map_err(|error| BootError::role(error.code(), error))?;
        let governance = Self {
            name: Label::code(options.name),
            schema: options.schema,
            charter,
            people: people(options.administrators, &options.settings),
            shelf: options.shelf.unwrap_or_else(|| Box::new(OwnState(cell.clone()))),
            live: RwLock::new(BTreeMap::new()),
            turn: Mutex::new(Turn::default()),
            journal: Journal::open(cell.clone(), options.name),
            cell,
        };
        for owner in options.owners {
            governance.open_one(&owner, &configured).await?;
        }
        let governance = Arc::new(governance);
        keeper::spawn(&governance);
        Ok(governance)
    }

    async fn open_one(&self, owner: &Label, configured: &Checked) -> Result<(), BootError> {
        let read = self.shelf.read(&place(&self.name, owner)).await;
        let read = read.map_err(|error| BootError::role(error.code(), error))?;
        let writing = read.as_ref().map(|(writing, _)| *writing);
        let outcome = if let Some((_, bytes)) = &read {
            self.taken_up(owner, bytes, configured)
        } else {
            let id = PolicyId { name: self.name.clone(), owner: owner.clone() };
            Ok(genesis(id, configured, self.cell.now()))
        };
        let outcome = outcome.map_err(damaged)?;
        if writing.is_some() && outcome.steps.is_empty() {
            let in_force = InForce::of(&outcome.state, &self.schema);
            let in_force = in_force.ok_or_else(|| damaged(OpenRefusal::Damaged))?;
            self.take(owner, outcome.state, writing, Arc::new(in_force));
            return Ok(());
        }
        let put = self.put(owner, &outcome, writing).await;
        put.map_err(|refusal| BootError::role("governance.not_opened", Unopened(refusal)))
    }

    fn taken_up(
        &self,
        owner: &Label,
        bytes: &[u8],
        configured: &Checked,
    ) -> Result<Outcome, OpenRefusal> {
        let kept: Governed = serde_json::from_slice(bytes).map_err(|_| OpenRefusal::Damaged)?;
        if kept.id().name != self.name || kept.id().owner != *owner {
            return Err(OpenRefusal::Damaged);
        }
        reopen(&kept, configured, &self.schema, self.cell.now())
    }
}

fn damaged(refusal: OpenRefusal) -> BootError {
    BootError::role(refusal.code(), refusal)
}

/// A refusal at the start.
#[derive(Debug, thiserror::Error)]
#[error("a policy could not be opened: {}", .0.cause().unwrap_or("refused"))]
struct Unopened(Refusal);

/// Administrators and approvers: who may look, and take those steps that are theirs.
fn people(
    administrators: Vec<AdministratorSettings>,
    settings: &super::GovernanceSettings,
) -> Administrators {
    let approvers = settings.approvers.iter().map(|it| AdministratorSettings {
        name: it.name.clone(),
        institution: it.institution.clone(),
        jkt: it.jwk.thumbprint(),
    });
    Administrators::new(administrators.into_iter().chain(approvers).collect())
}
