//! Which parameters need no rows of their own, because others of the type have them: `patient`
//! is found in `subject`'s, `combo-code` in those of `code` and `component-code`, `phone` in
//! those of `telecom`, `name` in `given`'s, `family`'s and a few of its own.

use super::{Only, ParameterInfo, ParameterType, Part};
use crate::leaf::{Leaf, LeafKind};

/// Gives each parameter the parts in whose rows it is found.
pub(super) fn rows(all: &mut [ParameterInfo]) {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| (all[*at].leaves.len(), all[*at].code));
    for (rank, at) in order.iter().enumerate() {
        if all[*at].code == "_id" || all[*at].code == "_lastUpdated" {
            // The store has these itself.
            all[*at].stored.clear();
            continue;
        }
        let (parts, stored) = cover(all, *at, &order[..rank]);
        all[*at].parts = parts;
        all[*at].stored = stored;
    }
    for at in 0..all.len() {
        narrow(all, at);
    }
}

/// The parts that smaller parameters lend, and what is left to store.
fn cover(all: &[ParameterInfo], at: usize, smaller: &[usize]) -> (Vec<Part>, Vec<Leaf>) {
    let own = &all[at];
    let mut left: Vec<Leaf> = own.leaves.iter().filter(|leaf| needs_rows(leaf)).cloned().collect();
    let mut parts: Vec<Part> = Vec::new();
    for other in smaller.iter().rev().map(|at| &all[*at]) {
        let is_inside = other.kind == own.kind
            && !other.parts.is_empty()
            && other.leaves.iter().all(|leaf| own.leaves.contains(leaf))
            && other.leaves.iter().any(|leaf| left.contains(leaf));
        if is_inside {
            left.retain(|leaf| !other.leaves.contains(leaf));
            let fresh = other.parts.iter().filter(|part| !parts.contains(part)).cloned();
            parts.extend(fresh.collect::<Vec<_>>());
        }
    }
    if !left.is_empty() {
        parts.push(part(own, Only::All, &left));
    }
    (parts, left)
}

fn part(info: &ParameterInfo, only: Only, leaves: &[Leaf]) -> Part {
    let is_span = leaves.iter().any(Leaf::is_span);
    Part { numbers: info.numbers, only, is_span, leaves: leaves.to_vec() }
}

/// A composite of the resource itself is nothing but its parts at the same time.
fn needs_rows(leaf: &Leaf) -> bool {
    !matches!(leaf.kind, LeafKind::Tuple(_)) || !leaf.path.0.is_empty()
}

/// Finds rows that hold more than the parameter speaks of, and in which its own can be told:
/// references by the type, contact points by the system.
fn narrow(all: &mut [ParameterInfo], at: usize) {
    let own = &all[at];
    let is_own = own.parts.len() == 1 && own.parts[0].numbers == own.numbers;
    let Some(widened) = own.leaves.iter().map(wider).collect::<Option<Vec<_>>>() else { return };
    if !is_own || !matches!(own.kind, ParameterType::Reference | ParameterType::Token) {
        return;
    }
    let mut parts: Vec<Part> = Vec::new();
    for (wide, only) in widened {
        let holds =
            |other: &&ParameterInfo| other.code != own.code && other.stored == [wide.clone()];
        let Some(other) = all.iter().find(holds) else { return };
        parts.push(part(other, only, std::slice::from_ref(&wide)));
    }
    all[at].parts = parts;
    all[at].stored.clear();
}

/// A leaf without its narrowing, and the narrowing.
fn wider(leaf: &Leaf) -> Option<(Leaf, Only)> {
    let mut wide = leaf.clone();
    match leaf.kind {
        LeafKind::Reference(Some(kind)) => {
            wide.kind = LeafKind::Reference(None);
            Some((wide, Only::Kind(kind)))
        }
        LeafKind::Contact => {
            let (name, text) = wide.path.0.last_mut()?.only.take()?;
            (&*name == "system").then_some((wide, Only::System(text)))
        }
        _ => None,
    }
}
