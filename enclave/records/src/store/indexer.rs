//! What the store has to be told about a resource: it knows nothing of FHIR itself.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Blind, Parameter, Row};

/// Makes the rows of the index of a resource.
pub trait Indexer: Send + Sync {
    /// Everything that it is found by, other than its id, its time and its compartments.
    fn rows(&self, kind: Kind, node: &Node<'_>, blind: &Blind) -> Vec<Row>;

    /// The ids of the patients in whose compartments it is, the first being whose it is.
    fn patients(&self, kind: Kind, id: &str, node: &Node<'_>) -> Vec<String>;

    /// Whether the parameter's terms are keys of resources that are referred to.
    fn is_reference(&self, parameter: Parameter) -> bool;

    /// Changes whenever the same resource has other rows: then the index is made anew.
    fn version(&self) -> u32;
}
