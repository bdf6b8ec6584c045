//! What a query means: a filter over rows, an order, a page. It belongs to the crate; stores
//! turn it into their own language. Filters hold keyed terms, never what was typed.

use autoclave_fhir::Kind;

use crate::Parameter;

/// Which resources of one type are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of the type.
    Everything,
    /// None.
    Nothing,
    /// Those that all of these mean.
    All(Vec<Filter>),
    /// Those that one of these means.
    Any(Vec<Filter>),
    /// Those of the type that this does not mean.
    Not(Box<Filter>),
    /// Those with this term, in this system where one is given.
    Term {
        /// Of which parameter.
        parameter: Parameter,
        /// The keyed term.
        term: i64,
        /// The keyed system; 0 asks for a token without one.
        system: Option<i64>,
    },
    /// Those with any token of this system.
    System {
        /// Of which parameter.
        parameter: Parameter,
        /// The keyed system.
        system: i64,
    },
    /// Those with a span for which all given bounds hold.
    Span {
        /// Of which parameter.
        parameter: Parameter,
        /// The keyed unit; 0 where the query names none.
        unit: i64,
        /// `low >= x`
        low_from: Option<f64>,
        /// `low <= x`
        low_to: Option<f64>,
        /// `high >= x`
        high_from: Option<f64>,
        /// `high <= x`
        high_to: Option<f64>,
    },
    /// Those with any row of the parameter (`:missing=false`).
    Present {
        /// Of which parameter.
        parameter: Parameter,
        /// Whether its rows are spans.
        is_span: bool,
    },
    /// Those whose reference leads to a resource of one of these types that the filter means.
    Chain {
        /// The reference.
        parameter: Parameter,
        /// Types that the target may have.
        kinds: Vec<Kind>,
        /// What the target must be.
        target: Box<Filter>,
    },
    /// Those that a resource of that type refers to, which the filter means (`_has`).
    Reverse {
        /// The type that refers.
        kind: Kind,
        /// Its reference.
        parameter: Parameter,
        /// What it must be.
        source: Box<Filter>,
    },
    /// Those of these keys ([`crate::Blind::reference`]).
    Keys(Vec<i64>),
    /// Those changed last between these times, both included, in milliseconds since 1970.
    Updated {
        /// Not before.
        from: Option<i64>,
        /// Not after.
        to: Option<i64>,
    },
    /// Those in the compartment of the patient with this key.
    Compartment {
        /// [`crate::Blind::reference`] of the patient.
        patient: i64,
    },
}

/// By what matches are ordered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SortKey {
    /// By when they were first stored: the order of a query that asks for none.
    Stored,
    /// By `meta.lastUpdated`.
    Updated,
    /// By the least (ascending) or greatest (descending) value of a span.
    Span(Parameter),
    /// By a text or code, which only the opened resource has ([`Parameter`] of the plain form).
    Opened(Parameter),
}

/// One key of the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// The greatest first.
    pub descending: bool,
}

/// Where a page begins: behind what the page before ended with.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// The first.
    First,
    /// Behind this row in the order of storing.
    After(i64),
    /// Behind so many matches (an order by opened values, over what stood at the first page).
    Offset(u32),
}
