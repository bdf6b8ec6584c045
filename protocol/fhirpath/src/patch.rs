//! Resources changed by JSON Patch (RFC 6902) and FHIRPath Patch (FHIR R4, 3.1.0.11). It
//! belongs to the crate. A patch is applied as a whole or not at all, keeps the digits of
//! numbers, and never makes another resource of the one that it changes.

mod given;
mod json;
mod operations;
mod place;

use autoclave_fhir::json::Node;

pub use json::json_patch;
pub use operations::fhirpath_patch;

/// Operations of one patch.
const OPERATIONS_MAX: usize = 1000;
/// Values that a patch may add, all operations together.
const ADDED_VALUES_MAX: usize = 200_000;

/// Why a patch is not applied. Operations are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchRefusal {
    /// Not a patch: an array of operations, or Parameters of them.
    #[error("not a patch")]
    Shape,
    /// An operation that lacks a part, or has one of another type.
    #[error("operation {0} is not complete")]
    Operation(usize),
    /// What an operation means is not there, or more than one thing.
    #[error("operation {0} is of a place that is not there, or not one place")]
    Place(usize),
    /// A test that failed.
    #[error("test {0} failed")]
    Test(usize),
    /// An expression that is none, or cannot be evaluated.
    #[error("operation {0} has a path that cannot be evaluated")]
    Path(usize),
    /// The result would have another id or type, or be no resource.
    #[error("a patch cannot change what resource it is")]
    Identity,
    /// More operations, more values or deeper ones than a patch may have.
    #[error("too large a patch")]
    Size,
}

/// The result of a patch, if it is still the same resource.
fn same_resource(before: &Node<'_>, after: Node<'static>) -> Result<Node<'static>, PatchRefusal> {
    let kept = ["resourceType", "id"].iter().all(|name| before.get(name) == after.get(name));
    if kept && matches!(after, Node::Object(_)) { Ok(after) } else { Err(PatchRefusal::Identity) }
}

/// What a patch may still add.
struct Budget(usize);

impl Budget {
    const fn new() -> Self {
        Self(ADDED_VALUES_MAX)
    }

    /// Takes a value that comes to lie at a depth.
    fn take(&mut self, value: &Node<'_>, depth: usize) -> Result<(), PatchRefusal> {
        let left = autoclave_fhir::json::DEPTH_MAX.checked_sub(depth).ok_or(PatchRefusal::Size)?;
        self.count(value, left)
    }

    fn count(&mut self, value: &Node<'_>, left: usize) -> Result<(), PatchRefusal> {
        self.0 = self.0.checked_sub(1).ok_or(PatchRefusal::Size)?;
        let below = || left.checked_sub(1).ok_or(PatchRefusal::Size);
        match value {
            Node::List(items) => {
                let below = below()?;
                items.iter().try_for_each(|item| self.count(item, below))
            }
            Node::Object(members) => {
                let below = below()?;
                members.iter().try_for_each(|(_, member)| self.count(member, below))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "patch/tests.rs"]
mod tests;
