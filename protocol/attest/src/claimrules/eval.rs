//! What a policy says about claims. The language's: rules run in their order, and a claim that
//! a rule adds is there for the next one. Work is counted, and a policy that wants too much is
//! refused rather than cut short.

use std::cmp::Ordering;

use super::syntax::{
    Action, Condition, Expression, Filter, Function, Made, Operator, Property, Rule, Verb,
};
use super::{Claim, Issuer, Policy, Value};

/// Comparisons of one evaluation: some ten milliseconds.
const STEPS_MAX: u32 = 200_000;
/// Claims at one time, those of the service and of the caller included.
const CLAIMS_MAX: usize = 1024;
/// Longest text that a function makes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Why claims get no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationRefusal {
    /// No rule permits, or one denies.
    #[error("the policy does not permit these claims")]
    Denied,
    /// More steps or claims than an evaluation may take.
    #[error("the policy wants more work than an evaluation may take")]
    TooMuch,
    /// A function got values of other types than it takes.
    #[error("a function of the policy got a value that it does not take")]
    Type,
}

impl EvaluationRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "policy.denied",
            Self::TooMuch => "policy.too_much",
            Self::Type => "policy.type",
        }
    }
}

/// What a policy that permits lets out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluated {
    /// Claims for the token, in the order in which they were issued.
    pub issued: Vec<Claim>,
    /// Properties of the token, and of the evaluation itself.
    pub properties: Vec<Claim>,
}

type Done<T> = Result<T, EvaluationRefusal>;

pub(super) fn evaluate(policy: &Policy, incoming: Vec<Claim>) -> Done<Evaluated> {
    let mut run = Run { claims: incoming, out: Evaluated::default(), steps: 0, verdict: None };
    run.bounded()?;
    for rule in &policy.configuration {
        run.rule(rule)?;
    }
    for rule in &policy.authorization {
        run.rule(rule)?;
    }
    if run.verdict != Some(true) {
        return Err(EvaluationRefusal::Denied);
    }
    for rule in &policy.issuance {
        run.rule(rule)?;
    }
    Ok(run.out)
}

struct Run {
    claims: Vec<Claim>,
    out: Evaluated,
    steps: u32,
    /// Whether something permitted and nothing denied.
    verdict: Option<bool>,
}

/// The claims that the names of a rule stand for.
type Bound<'r> = Vec<(&'r str, Claim)>;

impl Run {
    /// Runs the action once for each way in which the conditions hold together. What the
    /// action adds is not looked at by the rule that adds it.
    fn rule(&mut self, rule: &Rule) -> Done<()> {
        let mut ways = vec![Bound::new()];
        for condition in &rule.conditions {
            let mut longer = Vec::new();
            for way in &ways {
                self.extend(condition, way, &mut longer)?;
            }
            ways = longer;
        }
        for way in &ways {
            self.act(&rule.action, way)?;
        }
        Ok(())
    }

    fn extend<'r>(
        &mut self,
        condition: &'r Condition,
        way: &Bound<'r>,
        longer: &mut Vec<Bound<'r>>,
    ) -> Done<()> {
        let mut found = false;
        for at in 0..self.claims.len() {
            if !self.passes(at, &condition.filters, way)? {
                continue;
            }
            found = true;
            if condition.absent {
                break;
            }
            if longer.len() == CLAIMS_MAX {
                return Err(EvaluationRefusal::TooMuch);
            }
            let mut way = way.clone();
            let Some(name) = &condition.name else {
                // Whichever claim it is that holds, the rule speaks of it nowhere.
                longer.push(way);
                break;
            };
            way.push((name, self.claims[at].clone()));
            longer.push(way);
        }
        if condition.absent && !found {
            longer.push(way.clone());
        }
        Ok(())
    }

    fn passes(&mut self, at: usize, filters: &[Filter], way: &Bound<'_>) -> Done<bool> {
        for filter in filters {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(EvaluationRefusal::TooMuch);
            }
            let Some(wanted) = value(&filter.expression, way)? else { return Ok(false) };
            if !holds(&property(&self.claims[at], filter.property), filter.operator, &wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn act(&mut self, action: &Action, way: &Bound<'_>) -> Done<()> {
        match action {
            Action::Permit => self.verdict = Some(self.verdict.unwrap_or(true)),
            Action::Deny => self.verdict = Some(false),
            Action::Make { verb, made } => {
                let Some(claim) = make(made, way)? else { return Ok(()) };
                match verb {
                    Verb::Add => {}
                    Verb::Issue => self.out.issued.push(claim.clone()),
                    Verb::IssueProperty => self.out.properties.push(claim.clone()),
                }
                if !self.claims.contains(&claim) {
                    self.claims.push(claim);
                }
                self.bounded()?;
            }
        }
        Ok(())
    }

    fn bounded(&self) -> Done<()> {
        let out = self.out.issued.len().max(self.out.properties.len());
        if self.claims.len().max(out) > CLAIMS_MAX {
            return Err(EvaluationRefusal::TooMuch);
        }
        Ok(())
    }
}

/// The claim that an action makes; none of an empty value.
fn make(made: &Made, way: &Bound<'_>) -> Done<Option<Claim>> {
    match made {
        Made::Same(name) => Ok(claim(name, way).cloned()),
        Made::New { kind, value: of } => {
            let Some(Value::Text(kind)) = value(kind, way)? else {
                return Err(EvaluationRefusal::Type);
            };
            let value = value(of, way)?;
            Ok(value.map(|value| Claim { kind, value, issuer: Issuer::Policy }))
        }
    }
}

fn claim<'w>(name: &str, way: &'w Bound<'_>) -> Option<&'w Claim> {
    way.iter().find(|(known, _)| *known == name).map(|(_, claim)| claim)
}

fn property(claim: &Claim, property: Property) -> Value {
    match property {
        Property::Kind => Value::Text(claim.kind.clone()),
        Property::Value => claim.value.clone(),
        Property::ValueType => Value::Text(claim.value.kind().to_owned()),
        Property::Issuer => Value::Text(claim.issuer.to_string()),
    }
}

/// Values of different types are never equal, and have no order.
fn holds(found: &Value, operator: Operator, wanted: &Value) -> bool {
    let order = match (found, wanted) {
        (Value::Integer(found), Value::Integer(wanted)) => Some(found.cmp(wanted)),
        _ => None,
    };
    match operator {
        Operator::Equal => found == wanted,
        Operator::NotEqual => found != wanted,
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

/// The value of an expression; none where a JSON null became one.
fn value(expression: &Expression, way: &Bound<'_>) -> Done<Option<Value>> {
    Ok(match expression {
        Expression::Literal(value) => Some(value.clone()),
        Expression::Property { name, property: of } => {
            claim(name, way).map(|claim| property(claim, *of))
        }
        Expression::Call { function, arguments } => {
            let values: Done<Vec<_>> = arguments.iter().map(|one| value(one, way)).collect();
            return call(*function, &values?);
        }
    })
}

fn call(function: Function, arguments: &[Option<Value>]) -> Done<Option<Value>> {
    match (function, arguments) {
        (Function::AppendString, [Some(Value::Text(first)), Some(Value::Text(second))]) => {
            if first.len() + second.len() > TEXT_BYTES_MAX {
                return Err(EvaluationRefusal::TooMuch);
            }
            Ok(Some(Value::Text(format!("{first}{second}"))))
        }
        (Function::NegateBool, [Some(Value::Boolean(yes))]) => Ok(Some(Value::Boolean(!yes))),
        (Function::JsonToClaimValue, [Some(Value::Text(json))]) => {
            let json = serde_json::from_str(json).map_err(|_| EvaluationRefusal::Type)?;
            match Value::of_json(&json) {
                None if !json.is_null() => Err(EvaluationRefusal::Type),
                value => Ok(value),
            }
        }
        _ => Err(EvaluationRefusal::Type),
    }
}
