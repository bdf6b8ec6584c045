//! The search parameters of R4 and US Core. It belongs to the crate.

use autoclave_fhir::Kind;

/// The types of search parameters (R4, search.html#ptypes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// A number.
    Number,
    /// A date, with whatever precision.
    Date,
    /// A text that begins so.
    String,
    /// A code or identifier.
    Token,
    /// A reference to a resource.
    Reference,
    /// Several at once.
    Composite,
    /// A number with a unit.
    Quantity,
    /// A URI.
    Uri,
    /// Something of its own.
    Special,
}

impl ParameterType {
    /// As in `SearchParameter.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }
}

/// A search parameter of one type of resource.
pub struct ParameterInfo {
    /// Its name in queries.
    pub code: &'static str,
    /// Its type.
    pub kind: ParameterType,
    /// The canonical URL of its definition.
    pub url: &'static str,
}

/// All search parameters of a type that are served, `_id` and the like among them.
pub fn parameters(_kind: Kind) -> impl Iterator<Item = &'static ParameterInfo> {
    std::iter::empty()
}
