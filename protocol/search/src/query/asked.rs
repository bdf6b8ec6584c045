//! One value that a query asks for: as a filter over rows, and as a question to an opened
//! resource where rows cannot tell.

pub(crate) mod filter;
mod meets;

use autoclave_fhir::Kind;

use super::compare::Comparison;
use super::value::Prefix;
use crate::decimal::Decimal;

/// One value that is asked for. It is what somebody typed: no `Debug`.
#[derive(Clone)]
pub(crate) enum Asked {
    /// `code`, `system|code`, `|code`, `system|`
    Token { system: Option<String>, code: Option<String> },
    /// `system|code|value` of an identifier's type and value.
    OfType { system: String, code: String, value: String },
    /// A text of a code begins so.
    TokenText(String),
    /// A text begins so; normalised.
    Begins(String),
    /// A text contains this; normalised.
    Contains(String),
    /// A text is this, letter by letter.
    Exact(String),
    /// Each word sounds like one of it.
    Sounds(Vec<String>),
    /// One of these resources.
    Targets(Vec<(Kind, String)>),
    /// A resource elsewhere, by its address.
    There(String),
    /// An address, with or without a version.
    Canonical(String),
    /// A reference by its identifier.
    Logical { system: Option<String>, code: String },
    /// A URI.
    Uri(String),
    /// A URI or what is below it.
    UriBelow(String),
    /// A date.
    Date(Comparison),
    /// A number, in a unit where one is given.
    Amount(Amount),
    /// Values of one element that belong together.
    Tuple(Vec<Asked>),
}

/// A number that is asked for.
#[derive(Clone)]
pub(crate) struct Amount {
    pub(crate) prefix: Prefix,
    pub(crate) number: Decimal,
    pub(crate) comparison: Comparison,
    /// System (empty: any) and code.
    pub(crate) unit: Option<(String, String)>,
}
