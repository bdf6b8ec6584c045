//! The tree of an expression. It belongs to the crate. A step without `of` starts from what
//! the expression is evaluated on (`$this`); only there may a name be a type's.

use rust_decimal::Decimal;

use super::Function;
use crate::value::{Date, DateTime, Time};

/// An expression.
#[derive(Clone, PartialEq, Eq)]
pub enum Ast {
    /// `{}`
    Empty,
    /// A literal.
    Literal(Literal),
    /// `$this`
    This,
    /// `$index`
    Index,
    /// `$total`
    Total,
    /// `%name`
    Variable(Box<str>),
    /// `of.name`, or a name with nothing before it.
    Member {
        /// What it is taken from.
        of: Option<Box<Self>>,
        /// The element's name, or at the start of a path a type's.
        name: Box<str>,
    },
    /// `of.function(arguments)`, or a function with nothing before it.
    Call {
        /// What it is called on.
        of: Option<Box<Self>>,
        /// The function.
        function: Function,
        /// Its arguments, as many as it takes.
        arguments: Vec<Self>,
    },
    /// `of[index]`
    At {
        /// What is indexed.
        of: Box<Self>,
        /// The place, from 0.
        index: Box<Self>,
    },
    /// `of is type` and `of.is(type)`
    Is {
        /// What is asked about; `None` for `is(type)` with nothing before it.
        of: Option<Box<Self>>,
        /// The type.
        what: TypeName,
    },
    /// `of as type` and `of.as(type)`
    As {
        /// What is taken as that type; `None` for `as(type)` with nothing before it.
        of: Option<Box<Self>>,
        /// The type.
        what: TypeName,
    },
    /// `of.ofType(type)`
    OfType {
        /// What is filtered; `None` for `ofType(type)` with nothing before it.
        of: Option<Box<Self>>,
        /// The type.
        what: TypeName,
    },
    /// `+of`
    Plus(Box<Self>),
    /// `-of`
    Minus(Box<Self>),
    /// `left operator right`
    Binary {
        /// The operator.
        operator: Operator,
        /// Its left side.
        left: Box<Self>,
        /// Its right side.
        right: Box<Self>,
    },
}

/// A value that stands in an expression.
#[derive(Clone, PartialEq, Eq)]
pub enum Literal {
    /// `true` or `false`
    Boolean(bool),
    /// A string.
    String(Box<str>),
    /// An integer of 32 bits, as FHIR has them; beyond, a decimal.
    Integer(i32),
    /// A decimal.
    Decimal(Decimal),
    /// `@2015-02`
    Date(Date),
    /// `@2015-02-04T14:34`
    DateTime(DateTime),
    /// `@T14:34`
    Time(Time),
    /// `10 'mg'` and `4 days`
    Quantity {
        /// The number.
        value: Decimal,
        /// The unit: UCUM, or a calendar's word in the singular.
        unit: Box<str>,
        /// Whether the unit is a calendar's word.
        calendar: bool,
    },
}

/// The name of a type, `FHIR.Patient` or `Patient`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// `FHIR`, `System`, or none.
    pub namespace: Option<Box<str>>,
    /// The name in it.
    pub name: Box<str>,
}

/// What stands between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `*`
    Times,
    /// `/`
    Divide,
    /// `div`
    Div,
    /// `mod`
    Mod,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `&`
    Concatenate,
    /// `|`
    Union,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `~`
    Equivalent,
    /// `!~`
    NotEquivalent,
    /// `in`
    In,
    /// `contains`
    Contains,
    /// `and`
    And,
    /// `or`
    Or,
    /// `xor`
    Xor,
    /// `implies`
    Implies,
}

impl Operator {
    /// How tightly it binds; more is tighter. `is` and `as` stand at [`Operator::TYPES`].
    pub(super) const fn binds(self) -> u8 {
        match self {
            Self::Times | Self::Divide | Self::Div | Self::Mod => 11,
            Self::Add | Self::Subtract | Self::Concatenate => 10,
            Self::Union => 8,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 7,
            Self::Equal | Self::NotEqual | Self::Equivalent | Self::NotEquivalent => 6,
            Self::In | Self::Contains => 5,
            Self::And => 4,
            Self::Or | Self::Xor => 3,
            Self::Implies => 2,
        }
    }

    /// How tightly `is` and `as` bind.
    pub(super) const TYPES: u8 = 9;
    /// How tightly a sign binds, that of `-3`.
    pub(super) const SIGN: u8 = 12;
}
