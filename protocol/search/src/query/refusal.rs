//! Why a query is not understood. It belongs to the crate. The name of the parameter is said,
//! cleaned and cut; what was asked for never is.

use std::fmt;

/// Most characters of a parameter's name that a refusal repeats.
const NAME_CHARS_MAX: usize = 64;

/// The name of a parameter as a client wrote it, fit for logs: letters, digits and `_-.:*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named(String);

impl Named {
    /// Cleans and cuts.
    pub fn new(name: &str) -> Self {
        let clean =
            |c: char| if c.is_ascii_alphanumeric() || "_-.:*".contains(c) { c } else { '?' };
        Self(name.chars().take(NAME_CHARS_MAX).map(clean).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a query is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefusal {
    /// The type has no such search parameter.
    #[error("there is no search parameter {0}")]
    Unknown(Named),
    /// The parameter does not take this modifier.
    #[error("the search parameter {0} does not take this modifier")]
    Modifier(Named),
    /// The value is not of the parameter's type, or its prefix is not.
    #[error("the value of the search parameter {0} is not of its type")]
    Value(Named),
    /// The parameter is one of FHIR's that this server does not serve.
    #[error("the search parameter {0} is not served here")]
    Unserved(Named),
    /// More parameters, values or links of a chain than are read.
    #[error("the search parameter {0} asks for too much")]
    TooMuch(Named),
    /// Only the opened resource could decide it, and behind a chain nobody opens one.
    #[error("the search parameter {0} cannot be asked for through a chain")]
    Chained(Named),
    /// It orders or includes by a search parameter that there is not.
    #[error("{0} names a search parameter that there is not")]
    Names(Named),
    /// The value set or code is not known here, or not enumerated.
    #[error("the search parameter {0} names a value set or code that is not enumerated here")]
    Terms(Named),
}

impl QueryRefusal {
    /// A stable code for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "search-parameter-unknown",
            Self::Modifier(_) => "search-modifier-unknown",
            Self::Value(_) => "search-value-invalid",
            Self::Unserved(_) => "search-parameter-unserved",
            Self::TooMuch(_) => "search-too-much",
            Self::Chained(_) => "search-chain-unserved",
            Self::Names(_) => "search-parameter-named-unknown",
            Self::Terms(_) => "search-terms-unknown",
        }
    }

    /// Whether lenient handling passes over it: what is not known here, as against what is
    /// known and asked for wrongly or too much of.
    pub const fn is_ignorable(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Unserved(_) | Self::Modifier(_) | Self::Names(_))
    }

    /// The parameter that is refused.
    pub const fn parameter(&self) -> &Named {
        let (Self::Unknown(name)
        | Self::Modifier(name)
        | Self::Value(name)
        | Self::Unserved(name)
        | Self::TooMuch(name)
        | Self::Chained(name)
        | Self::Names(name)
        | Self::Terms(name)) = self;
        name
    }
}
