//! FHIR search: which rows of an index a resource has, and what a query means as a filter over
//! them. It belongs to no party. Names, codes and identifiers leave this crate as keyed terms
//! only; nothing here knows a database.

mod blind;
mod decimal;
mod filter;
mod include;
mod instant;
mod leaf;
mod means;
mod path;
mod patients;
mod query;
mod reference;
#[cfg(test)]
mod roundtrip;
mod row;
mod rows;
mod sort;
mod systems;
mod table;
mod text;

pub use blind::Blind;
pub use filter::{Filter, Page, Sort, SortKey};
pub use include::Include;
pub use patients::{is_of_patients, patients};
pub use query::{
    CHAIN_MAX, CODES_MAX, Context, ELEMENTS_MAX, Handling, INCLUDES_MAX, KINDS_MAX, Named, NoTerms,
    PARAMETERS_MAX, Query, QueryRefusal, SORTS_MAX, Scope, Summary, TERMS_MAX, Terms, Total,
    VALUES_MAX, parse,
};
pub use row::{Parameter, Row, TEXTS_MAX};
pub use rows::{ROWS_VERSION, rows};
pub use sort::sort_value;
pub use table::{ParameterInfo, ParameterType, parameters};
