//! The elements of an object, each value with its companion and its type.

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{Element, Type};
use autoclave_fhir::json::Node;

/// One value of an element.
#[derive(Clone, Copy)]
pub(super) struct Instance<'n> {
    /// The value; none where only its companion is there.
    pub(super) node: Option<&'n Node<'n>>,
    /// What stands beside a primitive: its id and extensions.
    pub(super) companion: Option<&'n Node<'n>>,
    /// Its type.
    pub(super) kind: &'static Type,
    /// Its number, where the element is a list.
    pub(super) at: Option<usize>,
}

impl<'n> Instance<'n> {
    /// A value alone.
    pub(super) const fn of(node: &'n Node<'n>, kind: &'static Type) -> Self {
        Self { node: Some(node), companion: None, kind, at: None }
    }
}

/// All values of an object's elements, in their order.
pub(super) fn instances<'n>(
    node: &'n Node<'n>,
    kind: &'static Type,
) -> Vec<(&'static Element, Instance<'n>)> {
    let mut out = Vec::new();
    for (name, value) in node.members() {
        let Some(child) = kind.child(name) else { continue };
        let (value, companion) = if child.is_companion {
            if node.get(name.trim_start_matches('_')).is_some() {
                continue;
            }
            (None, Some(value))
        } else if child.kind.is_primitive() {
            (Some(value), node.get(&format!("_{name}")))
        } else {
            (Some(value), None)
        };
        let count = length(value).max(length(companion));
        for at in 0..count.unwrap_or(1) {
            let (node, companion) = (item(value, at), item(companion, at));
            if node.is_some() || companion.is_some() {
                let at = count.is_some().then_some(at);
                let kind = concrete(node, child.kind);
                out.push((child.element, Instance { node, companion, kind, at }));
            }
        }
    }
    out
}

/// A resource is of the type that it says.
fn concrete(node: Option<&Node<'_>>, kind: &'static Type) -> &'static Type {
    let own = node.filter(|_| kind.is_resource()).and_then(super::kind_of);
    own.map_or(kind, |own| Definitions::r4().of_kind(own))
}

fn length(value: Option<&Node<'_>>) -> Option<usize> {
    match value {
        Some(Node::List(items)) => Some(items.len()),
        _ => None,
    }
}

fn item<'n>(value: Option<&'n Node<'n>>, at: usize) -> Option<&'n Node<'n>> {
    value.and_then(|value| value.each().get(at)).filter(|item| !matches!(item, Node::Null))
}
