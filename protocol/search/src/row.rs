//! The two shapes of index rows. They belong to the crate; databases keep them. A row says
//! nothing about a person without the key of [`crate::Blind`], but for dates and quantities,
//! whose order a database must know.

/// Most characters of a text whose beginnings are terms of their own; a longer search is
/// checked again on the opened resource.
pub const TEXTS_MAX: usize = 24;

/// A search parameter of one resource type, in one of its forms (such as `:exact`), by a
/// number that never changes: 31 bits of the SHA-256 of `Type.code` or `Type.code:form`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameter(pub u32);

/// One row of the index of one resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row {
    /// Something that is equal or not: a code, a beginning of a name, a target, a URI.
    Term {
        /// Of which parameter.
        parameter: Parameter,
        /// The keyed term.
        term: i64,
        /// The keyed system of a token; 0 where there is none.
        system: i64,
    },
    /// Something that has an order, as an interval that contains its bounds: dates in
    /// milliseconds since 1970, numbers and quantities as they are.
    Span {
        /// Of which parameter.
        parameter: Parameter,
        /// Keyed unit of a quantity, or first component of a composite; 0 where there is none.
        unit: i64,
        /// The least value meant.
        low: f64,
        /// The greatest value meant.
        high: f64,
    },
}
