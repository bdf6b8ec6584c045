//! What is indexed of a resource. It belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::{Blind, Parameter, Row};

/// All rows of a resource, none twice: everything indexed but `_id`, `_lastUpdated` and the
/// compartment, which the store knows by itself.
pub fn rows(_kind: Kind, _node: &Node<'_>, _blind: &Blind) -> Vec<Row> {
    Vec::new()
}

/// The ids of the patients in whose compartment a resource is, in order, none twice; of a
/// Patient its own id first.
pub fn patients(kind: Kind, id: &str, _node: &Node<'_>) -> Vec<String> {
    if kind.name() == "Patient" { vec![id.to_owned()] } else { Vec::new() }
}

/// By what a resource is ordered under [`crate::SortKey::Opened`]: as text, so that a plain
/// comparison orders; none: behind all others.
pub fn sort_value(_parameter: Parameter, _kind: Kind, _node: &Node<'_>) -> Option<String> {
    None
}
