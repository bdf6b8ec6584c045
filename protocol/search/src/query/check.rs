//! What rows cannot decide, asked of the opened resource.

use autoclave_fhir::json::Node;

use super::asked::Asked;
use crate::leaf::Leaf;
use crate::table::ParameterInfo;

/// One condition of a query, whole, so that its alternatives stay alternatives.
#[derive(Clone)]
pub(crate) enum Check {
    /// One of these values is there.
    Has(&'static ParameterInfo, Vec<Asked>),
    /// Whether any value is there at all.
    IsThere(&'static ParameterInfo, bool),
}

impl Check {
    /// Whether a resource is what is asked for.
    pub(crate) fn holds(&self, node: &Node<'_>) -> bool {
        match self {
            Self::Has(info, asked) => asked.iter().any(|one| one.meets(&info.leaves, node)),
            Self::IsThere(info, wanted) => is_there(&info.leaves, node) == *wanted,
        }
    }
}

fn is_there(leaves: &[Leaf], node: &Node<'_>) -> bool {
    leaves.iter().any(|leaf| leaf.is_there(node))
}
