//! The FHIR server's guard: scopes, then the hospital's rules, then a ledger line for what came
//! of it. The hospital's. Patients stand in lines by pseudonym; a decision is remembered for
//! as long as the rules are, since it depends on nothing else.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::{LogSafe, Secret};
use autoclave_cell::Refusal;
use autoclave_cell::policy::{Ask, Decision, PolicyBook, Thing};
use autoclave_fhir::Kind;
use autoclave_ledger::{Decision as Verdict, Event, Label, Pseudonym};
use autoclave_record::Purpose;
use autoclave_records::server::{Access, Action, Caller, Granted, Guard, Refused};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::outside::Outside;

/// The role of an application that acts for itself.
pub(crate) const APPLICATION: &str = "system";
/// What stands for all types at once, in rules and lines.
const ALL_KINDS: &str = "Record";
/// Decisions remembered at one time: roles, purposes, actions and types multiply to fewer.
const DECIDED_MAX: usize = 65_536;

/// A patient's key, as a line's pseudonym is made of it.
struct Subject(i64);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject:{:016x}", self.0)
    }
}

impl LogSafe for Subject {}

/// Whom a line is about: the patient with this key.
pub(crate) fn pseudonym(key: &Secret<[u8; 32]>, subject: i64) -> Pseudonym {
    Pseudonym::of(key, &Subject(subject))
}

/// All that a decision depends on.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Asked {
    role: Label,
    action: Action,
    kind: Option<Kind>,
    purpose: Purpose,
}

/// How it was decided, and by which rules.
type Decided = Result<Vec<Label>, Vec<Label>>;

/// Rules, ledger and clock, as the FHIR server needs them.
pub(crate) struct RulesGuard {
    rules: Arc<PolicyBook>,
    outside: Arc<dyn Outside>,
    pseudonyms: Secret<[u8; 32]>,
    decided: Mutex<HashMap<Asked, Decided>>,
}

impl RulesGuard {
    pub(crate) fn new(
        rules: Arc<PolicyBook>,
        outside: Arc<dyn Outside>,
        pseudonyms: Secret<[u8; 32]>,
    ) -> Self {
        Self { rules, outside, pseudonyms, decided: Mutex::default() }
    }

    fn decide(&self, caller: &Caller, asked: &Asked) -> Decided {
        let resource = Thing::new("Kind", asked.kind.map_or(ALL_KINDS, Kind::name));
        let role = asked.role.as_str();
        let entity = if role == APPLICATION { "Application" } else { "Staff" };
        let principal = Thing::new(entity, caller.actor.as_str()).with("role", role);
        let ask = Ask::new(principal, rule_action(asked.action), resource)
            .in_context("purpose", asked.purpose.code());
        let mut rules: Vec<Label>;
        match self.rules.decide(&ask) {
            Decision::Granted(granted) => {
                rules = granted.rules().iter().map(|rule| Label::of_claim(rule)).collect();
                rules.dedup();
                Ok(rules)
            }
            Decision::Refused(why) => {
                rules = why.iter().map(|reason| Label::of_claim(&reason.rule)).collect();
                rules.dedup();
                Err(rules)
            }
        }
    }

    fn remembered(&self, caller: &Caller, asked: Asked) -> Decided {
        // Whole entries are inserted; a panic elsewhere leaves them whole.
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = decided.get(&asked) {
            return known.clone();
        }
        let fresh = self.decide(caller, &asked);
        if decided.len() < DECIDED_MAX {
            decided.insert(asked, fresh.clone());
        }
        fresh
    }

    fn line(&self, caller: &Caller, access: Access) -> Event {
        let (actor, role) = (caller.actor.clone(), caller.role.clone());
        let action = Label::of(&access.action);
        let resource = Label::code(access.kind.map_or(ALL_KINDS, Kind::name));
        let decision = if access.granted { Verdict::Granted } else { Verdict::Refused };
        let purpose = Label::of(&caller.purpose);
        let subjects = access.subjects.iter().map(|key| pseudonym(&self.pseudonyms, *key));
        let mut subjects: Vec<_> = subjects.collect();
        let rules = access.rules;
        if subjects.len() > 1 || access.count > 1 {
            let count = access.count;
            return Event::Records {
                actor,
                role,
                action,
                resource,
                subjects,
                count,
                purpose,
                decision,
                rules,
            };
        }
        let (subject, purpose) = (subjects.pop(), Some(purpose));
        Event::Access { actor, role, action, resource, subject, purpose, decision, rules }
    }
}

/// What the rules call an action. Operations that are no more than reading are `operation`;
/// those that move or destroy records have words of their own.
fn rule_action(action: Action) -> &'static str {
    match action {
        Action::Operation("export") => "export",
        Action::Operation("import") => "import",
        Action::Operation("erase") => "erase",
        Action::Operation("meta-add" | "meta-delete") => "update",
        Action::Operation(_) => "operation",
        other => other.name(),
    }
}

impl Guard for RulesGuard {
    fn allow(
        &self,
        caller: &Caller,
        action: Action,
        kind: Option<Kind>,
    ) -> Result<Granted, Refused> {
        let narrowed = match &caller.scopes {
            None => Vec::new(),
            Some(scopes) => scopes
                .permits(action, kind)
                .ok_or_else(|| Refused { rules: vec![Label::code("scope")] })?,
        };
        let asked = Asked { role: caller.role.clone(), action, kind, purpose: caller.purpose };
        match self.remembered(caller, asked) {
            Ok(rules) => Ok(Granted { rules, narrowed }),
            Err(rules) => Err(Refused { rules }),
        }
    }

    fn record<'a>(
        &'a self,
        caller: &'a Caller,
        access: Access,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        async move {
            if access.glass {
                // A line of its own, so that nobody who reads for it has to know the rules.
                let loud = Access { rules: access.rules.clone(), ..access.clone() };
                let mut loud = self.line(caller, loud);
                if let Event::Access { action, .. } | Event::Records { action, .. } = &mut loud {
                    *action = Label::code("break_glass");
                }
                self.outside.append(loud).await?;
            }
            self.outside.append(self.line(caller, access)).await
        }
        .boxed()
    }

    fn now_ms(&self) -> i64 {
        self.outside.now_ms()
    }
}
