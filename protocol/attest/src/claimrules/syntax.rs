//! What a policy consists of once it is read. The language's; nothing here is evaluated.

use super::Value;

/// The rules of one section, in their order.
pub(super) type Section = Vec<Rule>;

/// Conditions, and what happens where all of them hold.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
}

/// A filter over claims.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The name under which the rest of the rule speaks of a claim that passed.
    pub(super) name: Option<String>,
    /// Whether it holds where no claim passes.
    pub(super) absent: bool,
    pub(super) filters: Vec<Filter>,
}

/// One comparison.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) property: Property,
    pub(super) operator: Operator,
    pub(super) expression: Expression,
}

/// A part of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    Kind,
    Value,
    ValueType,
    Issuer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something that has a value.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Literal(Value),
    Property { name: String, property: Property },
    Call { function: Function, arguments: Vec<Expression> },
}

/// A function of version 1.2 that makes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    AppendString,
    NegateBool,
    JsonToClaimValue,
}

impl Function {
    pub(super) const fn arguments(self) -> usize {
        match self {
            Self::AppendString => 2,
            Self::NegateBool | Self::JsonToClaimValue => 1,
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Permit,
    Deny,
    Make { verb: Verb, made: Made },
}

/// Where a claim that a rule makes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// To the incoming claims.
    Add,
    /// To the token as well.
    Issue,
    /// To the properties of the token as well.
    IssueProperty,
}

/// A claim that a rule makes.
#[derive(Clone, Debug)]
pub(super) enum Made {
    /// One that passed a condition.
    Same(String),
    /// A new one.
    New { kind: Expression, value: Expression },
}
