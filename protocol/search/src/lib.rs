//! FHIR search: which rows of an index a resource has, and what a query means as a filter over
//! them. It belongs to no party. Names, codes and identifiers leave this crate as keyed terms
//! only; nothing here knows a database.

mod blind;
mod filter;
mod row;

pub use blind::Blind;
pub use filter::{Filter, Page, Sort, SortKey};
pub use row::{Parameter, Row, TEXTS_MAX};
