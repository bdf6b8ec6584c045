//! Permission: who may do what for which purpose, by Cedar rules, with a ledger line for
//! every answer. The hospital's. What touches a record takes a [`Permit`], and a permit
//! exists only after its line is on the disk.

use autoclave_attest::jwk::Thumbprint;
use autoclave_base::ids::{PatientId, StaffId};
use autoclave_cell::Refusal;
use autoclave_cell::policy::{
    Ask, Decision, PERSON_SCHEMA, PolicyBook, PolicyError, Thing, person,
};
use autoclave_ledger::{Decision as Verdict, Event, Label};
use autoclave_record::{Purpose, Role};

use crate::Clinic;

/// The rules of a clinic that configures none.
pub const DEFAULT_RULES: &str = include_str!("permit/default.cedar");

/// What rules may speak of, after the cell's schema of people.
const SCHEMA: &str = include_str!("permit/clinic.cedarschema");

const FORBIDDEN: Refusal =
    Refusal::forbidden("permission.refused", "Your role does not permit this for this purpose.");

/// Reads rules against the clinic's schema.
pub(crate) fn load(rules: &str) -> Result<PolicyBook, PolicyError> {
    PolicyBook::load(rules, &format!("{PERSON_SCHEMA}\n{SCHEMA}"))
}

/// Who asks, established by a proof of possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A member of staff in a session.
    Staff { id: StaffId, role: Role },
    /// A site administrator by configured key, without an account.
    Administrator { key: Thumbprint },
}

impl Actor {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Staff { role, .. } => role,
            Self::Administrator { .. } => Role::SiteAdministrator,
        }
    }

    fn thing(self) -> Thing {
        match self {
            Self::Staff { id, role } => person(id, role.code()),
            Self::Administrator { key } => {
                Thing::new("Staff", key).with("role", Role::SiteAdministrator.code())
            }
        }
    }

    pub(crate) fn label(self) -> Label {
        match self {
            Self::Staff { id, .. } => Label::of(&id),
            Self::Administrator { key } => Label::of(&key.digest()),
        }
    }

    /// The member of staff; an administrator by key has no records to sign for.
    pub(crate) fn staff(self) -> Result<StaffId, Refusal> {
        match self {
            Self::Staff { id, .. } => Ok(id),
            Self::Administrator { .. } => Err(FORBIDDEN),
        }
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Admit,
    Diagnose,
    Read,
    List,
    ManageStaff,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Diagnose => "diagnose",
            Self::Read => "read",
            Self::List => "list",
            Self::ManageStaff => "manage_staff",
        }
    }

    const fn resource(self) -> &'static str {
        if matches!(self, Self::ManageStaff) { "Accounts" } else { "Record" }
    }
}

/// The rules grant it; its line is still to be written.
#[must_use]
pub(crate) struct Allowed {
    actor: Actor,
    action: Action,
    purpose: Purpose,
    rules: Vec<Label>,
}

/// The rules grant it, and the line that says so is on the disk.
#[must_use]
pub(crate) struct Permit {
    pub(crate) actor: Actor,
    pub(crate) purpose: Purpose,
    /// Whose record; `None` for the work list and accounts.
    pub(crate) subject: Option<PatientId>,
}

impl Clinic {
    /// Asks the rules. A refusal is a ledger line before it is an answer.
    pub(crate) async fn allow(
        &self,
        actor: Actor,
        action: Action,
        purpose: Purpose,
    ) -> Result<Allowed, Refusal> {
        let resource = Thing::new(action.resource(), action.name());
        let ask =
            Ask::new(actor.thing(), action.name(), resource).in_context("purpose", purpose.code());
        match self.rules.decide(&ask) {
            Decision::Granted(granted) => {
                let rules = granted.rules().iter().map(|rule| Label::of_claim(rule)).collect();
                Ok(Allowed { actor, action, purpose, rules })
            }
            Decision::Refused(why) => {
                let rules = why.iter().map(|reason| Label::of_claim(&reason.rule)).collect();
                let refused = Allowed { actor, action, purpose, rules };
                self.write(&refused, action.resource(), None, Verdict::Refused).await?;
                Err(FORBIDDEN)
            }
        }
    }

    /// Writes the line of a granted access to a `resource` of `subject`.
    pub(crate) async fn permit(
        &self,
        allowed: Allowed,
        resource: &'static str,
        subject: Option<PatientId>,
    ) -> Result<Permit, Refusal> {
        self.write(&allowed, resource, subject, Verdict::Granted).await?;
        Ok(Permit { actor: allowed.actor, purpose: allowed.purpose, subject })
    }

    async fn write(
        &self,
        asked: &Allowed,
        resource: &'static str,
        subject: Option<PatientId>,
        decision: Verdict,
    ) -> Result<(), Refusal> {
        let mut rules = asked.rules.clone();
        rules.dedup();
        self.append(Event::Access {
            actor: asked.actor.label(),
            role: Label::of(&asked.actor.role()),
            action: Label::of(&asked.action.name()),
            resource: Label::of(&resource),
            subject: subject.map(|id| self.pseudonym(&id.to_string())),
            purpose: Some(Label::of(&asked.purpose)),
            decision,
            rules,
        })
        .await
    }
}

#[cfg(test)]
mod tests;
