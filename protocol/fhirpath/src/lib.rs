//! FHIRPath (normative release 2) over FHIR as JSON, and what is made of it: JSON Patch,
//! FHIRPath Patch, and the views of SQL on FHIR. It belongs to no party. An expression reads
//! a tree and nothing else: no clock, no network, no file.

mod context;
mod evaluate;
mod item;
pub mod patch;
mod syntax;
mod units;
pub mod value;
pub mod view;

pub use context::{Context, Profiles, Resolver, Terminology};
pub use evaluate::{EvaluationRefusal, Expression, evaluate_bool};
pub use item::{Element, Item, Quantity, Value};
pub use syntax::{Ast, Function, Literal, Operator, ParseRefusal, TypeName, parse};
