//! A condition in words: which claims it is about, and what it expects of them. It reads
//! Cedar's JSON form of an expression, and falls back to the expression's own text where
//! it has no words of its own. Nothing is decided here.

use cedar_policy::{EvalResult, Policy};
use serde_json::{Value, json};

use super::ask::Facts;
use super::path::Path;

const ABSENT: &str = "absent";

/// What a condition is about and what it expects.
#[derive(Debug, Clone)]
pub(super) struct Words {
    claims: Vec<Path>,
    relation: String,
    operand: Operand,
}

#[derive(Debug, Clone)]
enum Operand {
    None,
    Literal(String),
    Claim(Path),
}

impl Words {
    /// Describes `est`, or its opposite where `positive` is false.
    pub(super) fn of(est: &Value, positive: bool) -> Self {
        known(est, positive).unwrap_or_else(|| Self::fallback(est, positive))
    }

    pub(super) fn claim(&self) -> String {
        joined(self.claims.iter().map(ToString::to_string))
    }

    pub(super) fn expected(&self, facts: &Facts) -> String {
        match &self.operand {
            Operand::None => self.relation.clone(),
            Operand::Literal(text) => format!("{}{text}", self.relation),
            Operand::Claim(path) => format!("{}{} ({path})", self.relation, found(path, facts)),
        }
    }

    pub(super) fn found(&self, facts: &Facts) -> String {
        joined(self.claims.iter().map(|path| found(path, facts)))
    }

    fn new(claim: Path, relation: &str, operand: Operand) -> Self {
        Self { claims: vec![claim], relation: relation.to_owned(), operand }
    }

    fn fallback(est: &Value, positive: bool) -> Self {
        let relation = if positive { "" } else { "not: " }.to_owned();
        Self { claims: Path::all_in(est), relation, operand: Operand::Literal(cedar_text(est)) }
    }
}

fn known(est: &Value, positive: bool) -> Option<Words> {
    if let Some(path) = Path::parse(est) {
        return Some(Words::new(path, if positive { "true" } else { "false" }, Operand::None));
    }
    let (operator, operands) = est.as_object()?.iter().next()?;
    match operator.as_str() {
        "has" => presence(operands, positive),
        "is" => kind(operands, positive),
        "like" => pattern(operands, positive),
        "isEmpty" => {
            let claim = Path::parse(operands.get("arg")?)?;
            Some(Words::new(claim, if positive { "empty" } else { "not empty" }, Operand::None))
        }
        _ => comparison(operator, operands, positive),
    }
}

fn comparison(operator: &str, operands: &Value, positive: bool) -> Option<Words> {
    let (forwards, backwards) = relation(operator, positive)?;
    let (left, right) = (operands.get("left")?, operands.get("right")?);
    match (Path::parse(left), Path::parse(right)) {
        (Some(left), Some(right)) if right.root() < left.root() => {
            Some(Words::new(right, backwards, Operand::Claim(left)))
        }
        (Some(left), Some(right)) => Some(Words::new(left, forwards, Operand::Claim(right))),
        (Some(left), None) => Some(Words::new(left, forwards, Operand::Literal(literal(right)?))),
        (None, Some(right)) => Some(Words::new(right, backwards, Operand::Literal(literal(left)?))),
        (None, None) => None,
    }
}

/// The words for an operator with the claim on its left, and with the claim on its right.
fn relation(operator: &str, positive: bool) -> Option<(&'static str, &'static str)> {
    Some(match (operator, positive) {
        ("==", true) | ("!=", false) => ("", ""),
        ("!=", true) | ("==", false) => ("anything but ", "anything but "),
        ("<", true) | (">=", false) => ("less than ", "more than "),
        (">", true) | ("<=", false) => ("more than ", "less than "),
        ("<=", true) | (">", false) => ("at most ", "at least "),
        (">=", true) | ("<", false) => ("at least ", "at most "),
        ("in", true) => ("in ", "around "),
        ("in", false) => ("not in ", "not around "),
        ("contains", true) => ("a set with ", "one of "),
        ("contains", false) => ("a set without ", "none of "),
        ("containsAll", true) => ("a set with all of ", "nothing but "),
        ("containsAll", false) => ("a set without some of ", "something besides "),
        ("containsAny", true) => ("a set with any of ", "some of "),
        ("containsAny", false) => ("a set without any of ", "none of "),
        _ => return None,
    })
}

fn presence(operands: &Value, positive: bool) -> Option<Words> {
    let claim = Path::parse(operands.get("left")?)?;
    let claim = match operands.get("attr")? {
        Value::String(name) => claim.join(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).fold(claim, Path::join),
        _ => return None,
    };
    Some(Words::new(claim, if positive { "present" } else { ABSENT }, Operand::None))
}

fn kind(operands: &Value, positive: bool) -> Option<Words> {
    if operands.get("in").is_some() {
        return None;
    }
    let claim = Path::parse(operands.get("left")?)?;
    let kind = operands.get("entity_type")?.as_str()?.to_owned();
    let relation = if positive { "of type " } else { "not of type " };
    Some(Words::new(claim, relation, Operand::Literal(kind)))
}

fn pattern(operands: &Value, positive: bool) -> Option<Words> {
    let claim = Path::parse(operands.get("left")?)?;
    let pieces = operands.get("pattern")?.as_array()?.iter();
    let text = pieces.map(|piece| piece.get("Literal").and_then(Value::as_str).unwrap_or("*"));
    let relation = if positive { "like " } else { "not like " };
    Some(Words::new(claim, relation, Operand::Literal(text.collect())))
}

/// A literal of the policy text: a value, a set of them, or a date and the like.
fn literal(est: &Value) -> Option<String> {
    let (kind, content) = est.as_object()?.iter().next()?;
    match (kind.as_str(), content) {
        ("Value", value) => json_words(value),
        ("Set", Value::Array(items)) => {
            Some(joined(items.iter().map(literal).collect::<Option<Vec<_>>>()?.into_iter()))
        }
        ("datetime" | "duration" | "decimal" | "ip", Value::Array(arguments)) => {
            literal(arguments.first()?)
        }
        _ => None,
    }
}

fn json_words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Object(_) => {
            let entity = value.get("__entity").unwrap_or(value);
            let (kind, id) = (entity.get("type")?.as_str()?, entity.get("id")?.as_str()?);
            Some(format!("{kind}::\"{id}\""))
        }
        Value::Null | Value::Array(_) => None,
    }
}

fn found(path: &Path, facts: &Facts) -> String {
    path.value(facts).map_or_else(|| ABSENT.to_owned(), |value| value_words(&value))
}

fn value_words(value: &EvalResult) -> String {
    match value {
        EvalResult::String(text) => text.clone(),
        EvalResult::Set(set) if set.is_empty() => "nothing".to_owned(),
        EvalResult::Set(set) => joined(set.iter().map(value_words)),
        EvalResult::ExtensionValue(call) => {
            call.split('"').nth(1).map_or_else(|| call.clone(), str::to_owned)
        }
        other => other.to_string(),
    }
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// A policy that permits exactly where `est` holds.
pub(super) fn policy_where(est: &Value) -> Option<Policy> {
    let all = json!({ "op": "All" });
    let policy = json!({
        "effect": "permit", "principal": all, "action": all, "resource": all,
        "conditions": [{ "kind": "when", "body": est }],
    });
    Policy::from_json(None, policy).ok()
}

fn cedar_text(est: &Value) -> String {
    let text = policy_where(est).and_then(|policy| policy.to_cedar()).unwrap_or_default();
    let condition = text.split_once("when {").map(|(_, condition)| condition.trim_end());
    let condition = condition.and_then(|text| text.strip_suffix("};"));
    condition.map_or_else(|| "the condition of the rule".to_owned(), |text| text.trim().to_owned())
}
