//! FHIR search: which rows of an index a resource has, and what a query means as a filter over
//! them. It belongs to no party. Names, codes and identifiers leave this crate as keyed terms
//! only; nothing here knows a database.

mod blind;
mod filter;
mod include;
mod query;
mod row;
mod rows;
mod table;

pub use blind::Blind;
pub use filter::{Filter, Page, Sort, SortKey};
pub use include::Include;
pub use query::{
    Context, Handling, NoTerms, Query, QueryRefusal, Scope, Summary, Terms, Total, parse,
};
pub use row::{Parameter, Row, TEXTS_MAX};
pub use rows::{patients, rows, sort_value};
pub use table::{ParameterInfo, ParameterType, parameters};
