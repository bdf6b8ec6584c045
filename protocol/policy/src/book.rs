//! The policy book: rules under a schema, and the decision.

use std::fmt;

use autoclave_base::Digest;
use cedar_policy::{
    Authorizer, Decision as Verdict, PolicyId, PolicySet, Response, Schema, ValidationMode,
    Validator,
};

use super::ask::{Ask, Facts};
use super::decision::{Decision, Explanation, Granted};
use super::error::PolicyError;
use super::rule::{Rule, rule_name};

/// Longest policy with its schema: far above any that people still review.
const POLICY_BYTES_MAX: usize = 256 * 1024;

/// Most reasons that one refusal gives; the nearest rules come first.
const EXPLANATIONS_MAX: usize = 16;

/// Rules that were checked against their schema.
pub struct PolicyBook {
    policies: PolicySet,
    schema: Schema,
    rules: Vec<Rule>,
    digest: Digest,
}

impl PolicyBook {
    /// Reads Cedar rules and the Cedar schema that they must fit.
    ///
    /// Every rule carries a unique `@id("…")`: it is what the ledger and explanations name.
    pub fn load(policies: &str, schema: &str) -> Result<Self, PolicyError> {
        if policies.len() + schema.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLong(POLICY_BYTES_MAX));
        }
        let digest = Digest::of_parts(&[schema.as_bytes(), policies.as_bytes()]);
        let (schema, _) = Schema::from_cedarschema_str(schema)
            .map_err(|error| PolicyError::Schema(error.to_string()))?;
        let policies = named(policies)?;
        validated(&policies, &schema)?;
        let mut rules = policies.policies().map(Rule::of).collect::<Result<Vec<_>, _>>()?;
        rules.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(Self { policies, schema, rules, digest })
    }

    /// The digest of schema and rules; it stands in tokens of decision: ledger and receipts.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The names of all rules, sorted.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(Rule::name)
    }

    /// The names of the rules that permit, sorted.
    pub fn permits(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|rule| rule.permits()).map(Rule::name)
    }

    /// Decides. What no rule permits is refused; so is an ask that does not fit the schema,
    /// and one on which any rule could not be evaluated.
    pub fn decide(&self, ask: &Ask) -> Decision {
        let facts = match ask.facts(&self.schema) {
            Ok(facts) => facts,
            Err(error) => {
                let expected = "what the schema describes";
                let rule = Explanation::DEFAULT_DENY;
                let why = Explanation::whole_request(rule, expected, error.to_string());
                return Decision::Refused(vec![why]);
            }
        };
        let answer =
            Authorizer::new().is_authorized(&facts.request, &self.policies, &facts.entities);
        // Cedar skips a rule that fails to evaluate. A forbid must not be skipped.
        let failed = answer.diagnostics().errors().next().is_some();
        match answer.decision() {
            Verdict::Allow if !failed => Decision::Granted(self.granted(&answer)),
            _ => Decision::Refused(self.explain(ask, &facts, &answer)),
        }
    }

    fn granted(&self, answer: &Response) -> Granted {
        let rules = answer.diagnostics().reason().map(ToString::to_string);
        Granted::by(rules.collect(), self.digest)
    }

    fn explain(&self, ask: &Ask, facts: &Facts, answer: &Response) -> Vec<Explanation> {
        let errors = answer.diagnostics().errors().map(|_| {
            let expected = "rules that can be evaluated";
            let found = "a rule that could not".to_owned();
            Explanation::whole_request(Explanation::DEFAULT_DENY, expected, found)
        });
        let mut why: Vec<_> = self.forbidding(facts, answer).chain(errors).collect();
        if why.is_empty() {
            why = self.nearest(facts);
        }
        if why.is_empty() {
            why.push(nothing_permits(ask));
        }
        why.truncate(EXPLANATIONS_MAX);
        why
    }

    fn forbidding(&self, facts: &Facts, answer: &Response) -> impl Iterator<Item = Explanation> {
        let determined = |rule: &&Rule| {
            let name = PolicyId::new(rule.name());
            !rule.permits() && answer.diagnostics().reason().any(|reason| *reason == name)
        };
        self.rules.iter().filter(determined).flat_map(|rule| rule.explain(facts))
    }

    /// The permits that could have granted, those with the fewest failing claims first.
    fn nearest(&self, facts: &Facts) -> Vec<Explanation> {
        let permits = || self.rules.iter().filter(|rule| rule.permits() && rule.concerns(facts));
        let covering = permits().filter(|rule| rule.covers(facts));
        let mut why: Vec<_> = covering.map(|rule| rule.explain(facts)).collect();
        if why.is_empty() {
            why = permits().map(|rule| rule.explain_scope(facts)).collect();
        }
        why.sort_by_key(Vec::len);
        why.into_iter().flatten().collect()
    }
}

impl fmt::Debug for PolicyBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyBook").field("digest", &self.digest).finish_non_exhaustive()
    }
}

fn nothing_permits(ask: &Ask) -> Explanation {
    Explanation {
        rule: Explanation::DEFAULT_DENY.to_owned(),
        claim: "action".to_owned(),
        expected: "an action that some rule permits".to_owned(),
        found: ask.action().to_owned(),
    }
}

/// The policies under their `@id`s.
fn named(text: &str) -> Result<PolicySet, PolicyError> {
    let parsed: PolicySet =
        text.parse().map_err(|error| PolicyError::Syntax(format!("{error}")))?;
    if parsed.templates().next().is_some() {
        return Err(PolicyError::Template);
    }
    let mut named = PolicySet::new();
    for policy in parsed.policies() {
        let name = rule_name(policy)?;
        let policy = policy.new_id(PolicyId::new(&name));
        named.add(policy).map_err(|_| PolicyError::Repeated(name))?;
    }
    Ok(named)
}

/// Warnings count: a rule that can never apply is not what its author meant.
fn validated(policies: &PolicySet, schema: &Schema) -> Result<(), PolicyError> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    if result.validation_passed_without_warnings() {
        return Ok(());
    }
    let errors = result.validation_errors().map(ToString::to_string);
    let warnings = result.validation_warnings().map(ToString::to_string);
    Err(PolicyError::Invalid(errors.chain(warnings).collect::<Vec<_>>().join("; ")))
}
