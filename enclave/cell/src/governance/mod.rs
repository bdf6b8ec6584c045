//! Governed policies in an enclave: kept sealed, changed by two approvers and after a lock,
//! asked for each decision, and remembered with what they decided. The cell's, for roles
//! that decide by rules; the rules of change are `autoclave_policy::govern`'s. No step has an
//! effect before its line is durable, and no caller of a role learns why it was refused.

mod answers;
mod decisions;
mod keeper;
mod open;
mod refusal;
mod routes;
mod settings;
mod shelf;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use autoclave_base::UnixTime;
use autoclave_ledger::Label;
use autoclave_policy::PolicyBook;
use autoclave_policy::govern::{
    Charter, Checked, Command, Governed, Meter, Outcome, Reading, Stage, StepKind, Version, apply,
};
use autoclave_policy::{Decider, Past, Reference};
use tokio::sync::Mutex;

pub use settings::{ApproverSettings, GovernanceSettings};
pub use shelf::{Shelf, ShelfError, Shelved};

use crate::administrators::Administrators;
use crate::{Cell, Refusal, event};
use decisions::Journal;

/// What an enclave needs to govern one kind of policy.
pub struct Options {
    /// What the policy decides: `release`, `appraise`.
    pub name: &'static str,
    /// The Cedar schema.
    pub schema: String,
    /// The configuration's rules: version 1 of each owner.
    pub configured: String,
    /// Whose policies there are.
    pub owners: Vec<Label>,
    /// `[governance]`
    pub settings: GovernanceSettings,
    /// Who may look, draft, propose and withdraw, beside the approvers.
    pub administrators: Vec<crate::administrators::AdministratorSettings>,
    /// Where policies are kept; the enclave's sealed state, if nothing is said.
    pub shelf: Option<Box<dyn Shelf>>,
}

/// A policy that decides now.
pub struct InForce {
    book: PolicyBook,
    decider: Decider,
}

impl InForce {
    /// Rules of a configuration that nobody governs.
    pub fn configured(book: PolicyBook, since: UnixTime) -> Self {
        let digest = book.digest();
        let decider = Decider { version: 1, digest, since, approved_by: Vec::new() };
        Self { book, decider }
    }

    /// The rules.
    pub const fn book(&self) -> &PolicyBook {
        &self.book
    }

    /// Which version it is, and by whom.
    pub const fn decider(&self) -> &Decider {
        &self.decider
    }

    /// What a rule's expectation rests on: this version, and who approved it.
    pub fn reference(&self) -> Reference {
        let Decider { version, digest, approved_by, .. } = &self.decider;
        let signers: Vec<_> = approved_by.iter().map(ToString::to_string).collect();
        let configured = || vec!["configuration".to_owned()];
        Reference {
            source: format!("policy version {version}"),
            value: digest.to_string(),
            signers: if signers.is_empty() { configured() } else { signers },
        }
    }

    fn of(governed: &Governed, schema: &str) -> Option<Self> {
        let version = governed.in_force()?;
        let book = PolicyBook::load(&version.text, schema).ok()?;
        Some(Self { decider: decider(version), book })
    }
}

fn decider(version: &Version) -> Decider {
    let since = match &version.stage {
        Stage::InForce { since, .. } | Stage::Superseded { since, .. } => *since,
        _ => version.author.at,
    };
    let approved_by = version.stage.approvals().iter().map(|it| it.by.clone()).collect();
    Decider { version: version.number, digest: version.digest, since, approved_by }
}

/// Who knows which policy decides for an institution.
pub trait Policies {
    /// The policy that decides over what `institution` owns; none where it has none.
    fn policy_for(&self, institution: &Label) -> Option<Arc<InForce>>;
}

impl Policies for Governance {
    fn policy_for(&self, institution: &Label) -> Option<Arc<InForce>> {
        self.in_force(institution)
    }
}

/// One policy for everybody.
impl Policies for Arc<InForce> {
    fn policy_for(&self, _institution: &Label) -> Option<Arc<InForce>> {
        Some(self.clone())
    }
}

/// One owner's policy in memory.
#[derive(Clone)]
struct Live {
    governed: Governed,
    writing: Option<u64>,
    in_force: Arc<InForce>,
}

/// The time that locks have earned and not yet been credited with.
#[derive(Default)]
struct Turn {
    meter: Meter,
    earned: u64,
}

/// The governed policies of one kind.
pub struct Governance {
    cell: Arc<Cell>,
    name: Label,
    schema: String,
    charter: Charter,
    people: Administrators,
    shelf: Box<dyn Shelf>,
    live: RwLock<BTreeMap<Label, Live>>,
    /// One change at a time: its lines, its state, its effect.
    turn: Mutex<Turn>,
    journal: Journal,
}

impl Governance {
    /// The policy that decides for `owner` now; none where the configuration names no such
    /// owner.
    pub fn in_force(&self, owner: &Label) -> Option<Arc<InForce>> {
        self.live().get(owner).map(|live| live.in_force.clone())
    }

    /// Remembers a decision that is in the ledger.
    pub fn note(&self, past: Past) {
        self.journal.note(past);
    }

    /// Looks at the clocks and writes down what is new; the enclave does so by itself every
    /// few seconds.
    pub async fn look(&self) {
        keeper::round(self).await;
    }

    /// Does a command for `owner`: the lines first, then the state, then the effect.
    async fn change(&self, owner: &Label, command: &Command) -> Result<Governed, Refusal> {
        let mut turn = self.turn.lock().await;
        self.pass(&mut turn, true).await?;
        self.step(owner, command).await
    }

    /// Looks at the clocks, and brings into force what is due.
    async fn tick(&self) -> Result<(), Refusal> {
        let mut turn = self.turn.lock().await;
        self.refresh().await?;
        self.pass(&mut turn, false).await
    }

    /// Credits locks with the time that passed: at once, or once it is worth writing down.
    async fn pass(&self, turn: &mut Turn, at_once: bool) -> Result<(), Refusal> {
        let clock = self.cell.clock();
        let reading = Reading { now: clock.now(), uptime_seconds: clock.uptime_seconds() };
        turn.earned += turn.meter.pass(reading);
        let waiting: Vec<Label> = self.waiting();
        if waiting.is_empty() {
            turn.earned = 0;
            return Ok(());
        }
        if !at_once && turn.earned < keeper::grain(self.charter.lock_seconds()) {
            return Ok(());
        }
        let seconds = std::mem::take(&mut turn.earned);
        for owner in waiting {
            self.step(&owner, &Command::Pass { seconds }).await?;
        }
        Ok(())
    }

    fn waiting(&self) -> Vec<Label> {
        let live = self.live();
        let waits = live.iter().filter(|(_, live)| live.governed.is_waiting());
        waits.map(|(owner, _)| owner.clone()).collect()
    }

    /// One command in its turn.
    async fn step(&self, owner: &Label, command: &Command) -> Result<Governed, Refusal> {
        let before = self.live().get(owner).cloned().ok_or(refusal::UNKNOWN)?;
        let done = apply(&before.governed, command, &self.charter, self.cell.now());
        let outcome = done.map_err(refusal::of_rule)?;
        if outcome.state != before.governed {
            self.put(owner, &outcome, before.writing).await?;
        }
        Ok(outcome.state)
    }

    /// The lines, the state, the effect, in this order. A stop in between leaves a line whose
    /// step was not taken, and never a step without its line.
    async fn put(
        &self,
        owner: &Label,
        outcome: &Outcome,
        writing: Option<u64>,
    ) -> Result<(), Refusal> {
        let in_force = InForce::of(&outcome.state, &self.schema);
        let in_force = Arc::new(in_force.ok_or(refusal::DAMAGED)?);
        for step in &outcome.steps {
            let line = self.cell.ledger().append(step.event(outcome.state.id())).await;
            line.map_err(|error| refusal::NOT_RECORDED.caused_by(error.code()))?;
            if step.kind == StepKind::Emergency {
                event!(WARN, "governance.emergency", policy = self.name, owner = *owner);
            }
        }
        let kept = serde_json::to_vec(&outcome.state);
        let kept = kept.map_err(|_| refusal::DAMAGED)?;
        let written = self.shelf.write(&place(&self.name, owner), writing, &kept).await;
        let written = written.map_err(|error| refusal::NOT_KEPT.caused_by(error.code()))?;
        self.take(owner, outcome.state.clone(), Some(written), in_force);
        Ok(())
    }

    fn take(
        &self,
        owner: &Label,
        governed: Governed,
        writing: Option<u64>,
        in_force: Arc<InForce>,
    ) {
        let live = Live { governed, writing, in_force };
        self.live.write().unwrap_or_else(PoisonError::into_inner).insert(owner.clone(), live);
    }

    /// Takes over what other replicas wrote.
    async fn refresh(&self) -> Result<(), Refusal> {
        if !self.shelf.is_shared() {
            return Ok(());
        }
        let owners: Vec<_> = self.live().keys().cloned().collect();
        for owner in owners {
            let read = self.shelf.read(&place(&self.name, &owner)).await;
            let read = read.map_err(|error| refusal::NOT_KEPT.caused_by(error.code()))?;
            let known = self.live().get(&owner).and_then(|live| live.writing);
            let Some((writing, bytes)) = read.filter(|(writing, _)| Some(*writing) != known) else {
                continue;
            };
            let governed: Governed =
                serde_json::from_slice(&bytes).map_err(|_| refusal::DAMAGED)?;
            let in_force = InForce::of(&governed, &self.schema).ok_or(refusal::DAMAGED)?;
            self.take(&owner, governed, Some(writing), Arc::new(in_force));
        }
        Ok(())
    }

    /// A text as a policy of this kind.
    fn check(&self, text: &str) -> Result<Checked, Refusal> {
        Checked::of(text, &self.schema).map_err(|error| refusal::of_text(&error))
    }

    fn live(&self) -> RwLockReadGuard<'_, BTreeMap<Label, Live>> {
        // Policies are replaced whole: a panic elsewhere leaves each as it was or as it is.
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a policy is kept.
fn place(name: &Label, owner: &Label) -> String {
    format!("governance/{name}/{owner}")
}
