//! A rule's conditions taken apart, so that each can be tried on its own and the failing
//! ones named. It only explains: the decision itself is Cedar's alone.

use cedar_policy::{Authorizer, Decision, PolicySet};
use serde_json::{Value, json};

use super::ask::Facts;
use super::words::{Words, policy_where};

/// A condition in negation normal form: negations stand at single tests only.
pub(super) enum Check {
    Test(Box<Test>),
    All(Vec<Check>),
    Any(Vec<Check>),
}

/// A condition that is not taken apart further.
pub(super) struct Test {
    probe: PolicySet,
    words: Words,
}

/// A condition that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) claim: String,
    pub(super) expected: String,
    pub(super) found: String,
}

enum Outcome {
    Holds,
    Fails,
    /// It could not be tried: an attribute that an earlier condition asks for is absent.
    Untried,
}

impl Check {
    /// Takes an expression (Cedar's JSON form) apart, or its opposite.
    pub(super) fn of(est: &Value, positive: bool) -> Self {
        let both = |operator: &str| {
            let operands = est.get(operator)?;
            Some([operands.get("left")?, operands.get("right")?])
        };
        if let Some(argument) = est.get("!").and_then(|not| not.get("arg")) {
            return Self::of(argument, !positive);
        }
        let (parts, conjunction) = match (both("&&"), both("||")) {
            (Some(parts), _) => (parts, positive),
            (_, Some(parts)) => (parts, !positive),
            _ => return Self::Test(Box::new(Test::of(est, positive))),
        };
        let parts = parts.into_iter().map(|part| Self::of(part, positive)).collect();
        if conjunction { Self::All(parts) } else { Self::Any(parts) }
    }

    /// What failed; empty where the condition holds.
    pub(super) fn failures(&self, facts: &Facts) -> Vec<Failure> {
        let mut failures = Vec::new();
        self.collect(facts, &mut failures);
        failures
    }

    pub(super) fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Test(test) => matches!(test.outcome(facts), Outcome::Holds),
            Self::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(facts)),
        }
    }

    fn collect(&self, facts: &Facts, failures: &mut Vec<Failure>) {
        match self {
            Self::Test(test) => match test.outcome(facts) {
                Outcome::Holds => {}
                Outcome::Untried if !failures.is_empty() => {}
                Outcome::Fails | Outcome::Untried => failures.push(test.failure(facts)),
            },
            Self::All(parts) => parts.iter().for_each(|part| part.collect(facts, failures)),
            Self::Any(parts) if self.holds(facts) || parts.is_empty() => {}
            Self::Any(parts) => {
                failures.push(merged(parts.iter().flat_map(|part| part.failures(facts)).collect()));
            }
        }
    }
}

impl Test {
    fn of(est: &Value, positive: bool) -> Self {
        let probe = if positive { est.clone() } else { json!({ "!": { "arg": est } }) };
        // An expression from a parsed policy always makes a policy again; were it not so,
        // the empty set would report the test as failed, and the decision stay Cedar's.
        let probe = PolicySet::from_policies(policy_where(&probe)).unwrap_or_default();
        Self { probe, words: Words::of(est, positive) }
    }

    fn outcome(&self, facts: &Facts) -> Outcome {
        let answer = Authorizer::new().is_authorized(&facts.request, &self.probe, &facts.entities);
        match answer.decision() {
            Decision::Allow => Outcome::Holds,
            Decision::Deny if answer.diagnostics().errors().next().is_some() => Outcome::Untried,
            Decision::Deny => Outcome::Fails,
        }
    }

    fn failure(&self, facts: &Facts) -> Failure {
        let (claim, found) = (self.words.claim(), self.words.found(facts));
        Failure { claim, expected: self.words.expected(facts), found }
    }
}

/// Several alternatives that all failed, as one: any of them would have done.
fn merged(failures: Vec<Failure>) -> Failure {
    let (mut claims, mut expected, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for failure in failures {
        expected.push(failure.expected);
        if !claims.contains(&failure.claim) {
            claims.push(failure.claim);
            found.push(failure.found);
        }
    }
    let [claim, expected, found] = [claims, expected, found].map(|words| words.join(" or "));
    Failure { claim, expected, found }
}
