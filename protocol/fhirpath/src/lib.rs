//! FHIRPath (normative release 2) over FHIR as JSON, and what is made of it: JSON Patch,
//! FHIRPath Patch, and the views of SQL on FHIR. It belongs to no party. An expression reads
//! a tree and nothing else: no clock, no network, no file.

mod syntax;
pub mod value;

pub use syntax::{Ast, Function, Literal, Operator, ParseRefusal, TypeName, parse};
