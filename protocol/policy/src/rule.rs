//! One rule of a book, kept in a form that can say why it did not grant, or why it forbade.

use cedar_policy::{Effect, Policy};
use serde_json::{Value, json};

use super::ask::Facts;
use super::check::{Check, Failure};
use super::decision::Explanation;
use super::error::PolicyError;

/// Longest rule name: it stands in every ledger line that the rule causes.
const RULE_NAME_BYTES_MAX: usize = 64;

/// A policy, its scope and its conditions as checks.
pub(super) struct Rule {
    name: String,
    effect: Effect,
    action: Check,
    parties: Check,
    conditions: Check,
}

impl Rule {
    pub(super) fn of(policy: &Policy) -> Result<Self, PolicyError> {
        let name = rule_name(policy)?;
        let est = policy.to_json().map_err(|error| PolicyError::Syntax(error.to_string()))?;
        let effect = policy.effect();
        let parties = ["principal", "resource"].map(|variable| scope(&est, variable));
        let (action, parties) = (scope(&est, "action"), Check::All(parties.into()));
        Ok(Self { name, effect, action, parties, conditions: conditions(&est, effect) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn permits(&self) -> bool {
        self.effect == Effect::Permit
    }

    /// Whether the rule speaks of this action.
    pub(super) fn concerns(&self, facts: &Facts) -> bool {
        self.action.holds(facts)
    }

    /// Whether the rule speaks of this principal and this resource.
    pub(super) fn covers(&self, facts: &Facts) -> bool {
        self.parties.holds(facts)
    }

    /// Why principal or resource are not those of the rule.
    pub(super) fn explain_scope(&self, facts: &Facts) -> Vec<Explanation> {
        self.explained(self.parties.failures(facts))
    }

    /// Why a permit did not grant, or what would have kept a forbid from forbidding.
    pub(super) fn explain(&self, facts: &Facts) -> Vec<Explanation> {
        let explained = self.explained(self.conditions.failures(facts));
        if explained.is_empty() && !self.permits() {
            let expected = "nothing that this rule covers";
            let found = "a request under it".to_owned();
            return vec![Explanation::whole_request(&self.name, expected, found)];
        }
        explained
    }

    fn explained(&self, failures: Vec<Failure>) -> Vec<Explanation> {
        let rule = |failure: Failure| Explanation {
            rule: self.name.clone(),
            claim: failure.claim,
            expected: failure.expected,
            found: failure.found,
        };
        failures.into_iter().map(rule).collect()
    }
}

/// The `@id` of a policy: short, lower-case, and so fit for logs and the ledger.
pub(super) fn rule_name(policy: &Policy) -> Result<String, PolicyError> {
    let name = policy.annotation("id").unwrap_or_default();
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > RULE_NAME_BYTES_MAX || !name.bytes().all(allowed) {
        return Err(PolicyError::Unnamed(policy.id().to_string()));
    }
    Ok(name.to_owned())
}

/// What has to hold for a permit to grant; for a forbid, what has to hold to escape it.
fn conditions(est: &Value, effect: Effect) -> Check {
    let clauses = est.get("conditions").and_then(Value::as_array);
    let clauses = clauses.into_iter().flatten().map(|clause| {
        let when = clause.get("kind").and_then(Value::as_str) == Some("when");
        Check::of(&clause["body"], when == (effect == Effect::Permit))
    });
    match effect {
        Effect::Permit => Check::All(clauses.collect()),
        Effect::Forbid => Check::Any(clauses.collect()),
    }
}

/// A scope constraint as the expression that it abbreviates.
fn scope(est: &Value, variable: &str) -> Check {
    let constraint = &est[variable];
    let subject = json!({ "Var": variable });
    let expression = match constraint["op"].as_str() {
        Some("==") => json!({ "==": { "left": subject, "right": entity(&constraint["entity"]) } }),
        Some("in") => json!({ "in": { "left": subject, "right": entities(constraint) } }),
        Some("is") => {
            let mut test = json!({ "left": subject, "entity_type": constraint["entity_type"] });
            if let Some(group) = constraint.get("in") {
                test["in"] = entity(&group["entity"]);
            }
            json!({ "is": test })
        }
        _ => return Check::All(Vec::new()),
    };
    Check::of(&expression, true)
}

fn entities(constraint: &Value) -> Value {
    match constraint.get("entities").and_then(Value::as_array) {
        Some(several) => json!({ "Set": several.iter().map(entity).collect::<Vec<_>>() }),
        None => entity(&constraint["entity"]),
    }
}

fn entity(uid: &Value) -> Value {
    json!({ "Value": { "__entity": uid } })
}
