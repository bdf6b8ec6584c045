//! What a policy book answers.

use autoclave_base::Digest;
use serde::{Deserialize, Serialize};

/// The answer to an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// At least one rule permits it and none forbids it.
    Granted(Granted),
    /// Nothing permits it, or something forbids it; never empty. The rule that was nearest
    /// to granting stands first.
    Refused(Vec<Explanation>),
}

/// Proof that a policy book granted an ask. Only [`crate::PolicyBook::decide`] makes one, so
/// a function that takes it cannot be reached without permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    rules: Vec<String>,
    policy: Digest,
}

impl Granted {
    pub(super) fn by(mut rules: Vec<String>, policy: Digest) -> Self {
        rules.sort_unstable();
        Self { rules, policy }
    }

    /// Names of the rules that permitted it, sorted.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// The digest of the book that decided.
    pub const fn policy(&self) -> Digest {
        self.policy
    }
}

/// One reason for a refusal, in words for whoever administers the policy. `found` repeats
/// what was claimed, so an explanation is for administrators and not for the one who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The `@id` of the rule that did not grant or that forbade, or `default-deny`.
    pub rule: String,
    /// The path of the attribute in question: `principal.hw_backed`.
    pub claim: String,
    /// What the rule wants.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Explanation {
    /// The rule that no book writes and every book has.
    pub const DEFAULT_DENY: &'static str = "default-deny";
    /// The claim of a reason that no single attribute accounts for.
    pub const WHOLE_REQUEST: &'static str = "request";

    pub(super) fn whole_request(rule: &str, expected: &str, found: String) -> Self {
        let (claim, expected) = (Self::WHOLE_REQUEST.to_owned(), expected.to_owned());
        Self { rule: rule.to_owned(), claim, expected, found }
    }
}
