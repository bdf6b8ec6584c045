//! Why a policy text is not a policy book.

/// The policy text, or its schema, was refused; the enclave does not start with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Policy or schema is longer than any policy that people still review.
    #[error("policy and schema together are longer than {0} bytes")]
    TooLong(usize),
    /// The schema is not Cedar schema syntax, or contradicts itself.
    #[error("the schema is not valid: {0}")]
    Schema(String),
    /// The policy is not Cedar syntax.
    #[error("the policy is not valid Cedar: {0}")]
    Syntax(String),
    /// The policy speaks of things that the schema does not know, or can never apply.
    #[error("the policy does not fit its schema: {0}")]
    Invalid(String),
    /// A rule has no `@id("…")`, or one that is no short lower-case name.
    #[error("every rule needs an @id of at most 64 of a-z 0-9 . _ -: {0}")]
    Unnamed(String),
    /// Two rules have the same `@id`.
    #[error("two rules are named {0}")]
    Repeated(String),
    /// An emergency only forbids.
    #[error("an emergency only forbids, and {0} permits")]
    Permits(String),
    /// No rule at all.
    #[error("the policy has no rule")]
    Empty,
    /// Templates have slots that nobody fills here.
    #[error("policy templates are not supported")]
    Template,
}

impl PolicyError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "policy.too_long",
            Self::Schema(_) => "policy.schema",
            Self::Syntax(_) => "policy.syntax",
            Self::Invalid(_) => "policy.invalid",
            Self::Unnamed(_) => "policy.rule_unnamed",
            Self::Repeated(_) => "policy.rule_repeated",
            Self::Permits(_) => "policy.permits",
            Self::Empty => "policy.empty",
            Self::Template => "policy.template",
        }
    }
}
