//! By what opened resources are ordered. It belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::Parameter;
use crate::leaf::LeafKind;
use crate::reference::Target;
use crate::table::{ParameterInfo, ParameterType, numbered};
use crate::text::normal;

/// By what a resource is ordered under [`crate::SortKey::Opened`]: as text, so that comparing
/// bytes orders; none: behind all others. The least of several values.
pub fn sort_value(parameter: Parameter, kind: Kind, node: &Node<'_>) -> Option<String> {
    let info = numbered(kind, parameter)?;
    let mut least: Option<String> = None;
    for leaf in &info.leaves {
        leaf.each(node, &mut |value| {
            let own = value_text(info, &leaf.kind, value);
            if own.is_some() && (least.is_none() || own < least) {
                least = own;
            }
        });
    }
    least
}

fn value_text(info: &ParameterInfo, kind: &LeafKind, value: &Node<'_>) -> Option<String> {
    match info.kind {
        ParameterType::String => value.text().map(normal),
        ParameterType::Token => {
            let mut first = None;
            kind.tokens(value, &mut |token| {
                first.get_or_insert_with(|| token.code.into_owned());
            });
            first
        }
        ParameterType::Reference if *kind != LeafKind::Canonical => match Target::of_node(value)? {
            Target::Here(kind, id) => Some(format!("{kind}/{id}")),
            Target::There(address) => Some(address.to_owned()),
        },
        ParameterType::Reference | ParameterType::Uri => value.text().map(str::to_owned),
        ParameterType::Composite | ParameterType::Special => None,
        _ => kind.span(value).map(|span| ordered(span.low)),
    }
}

/// A float as text whose bytes have its order.
fn ordered(value: f64) -> String {
    let bits = value.to_bits();
    let bits = if value.is_sign_negative() { !bits } else { bits | 1 << 63 };
    format!("{bits:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_text_have_their_order() {
        let values = [f64::MIN, -2.5, -1.0, 0.0, 1e-9, 1.0, 2.5, f64::MAX];
        assert!(values.map(ordered).is_sorted());
    }
}
