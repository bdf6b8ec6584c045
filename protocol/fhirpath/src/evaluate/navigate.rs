//! From an element to those inside of it. It belongs to `evaluate`. Choices are found by the
//! definitions; where an element has no known type, by names that end with a type's.

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{self, Type};
use autoclave_fhir::json::Node;

use super::EvaluationRefusal;
use super::walk::Evaluator;
use crate::item::{Element, Item, Value};

/// Appends the elements of that name inside of an item.
pub(super) fn named<'a>(
    item: &Item<'a>,
    name: &str,
    strict: bool,
    out: &mut Vec<Item<'a>>,
) -> Result<(), EvaluationRefusal> {
    let element = match item {
        Item::Value(value) => {
            out.extend(of_value(value, name));
            return Ok(());
        }
        Item::Element(element) => *element,
    };
    let kind = element.kind();
    let known = kind.and_then(|kind| kind.child(name)).filter(|child| !child.element.is_choice());
    let choice = known.is_none()
        && kind.is_some_and(|kind| kind.element(name).is_some_and(definitions::Element::is_choice));
    if strict && kind.is_some() && known.is_none() && !choice {
        return Err(EvaluationRefusal::UnknownElement);
    }
    let Some(object) = object(element) else { return Ok(()) };
    if let Some(known) = known {
        member(object, name, Some(known.kind), out);
    } else if choice {
        choices(object, name, kind, out);
    } else if kind.is_none() {
        member(object, name, None, out);
        choices(object, name, None, out);
    }
    Ok(())
}

/// What holds an element's own elements: itself, or of a primitive its companion.
fn object(element: Element<'_>) -> Option<&Node<'_>> {
    match element.node() {
        Some(node @ Node::Object(_)) => Some(node),
        _ => element.companion(),
    }
}

fn of_value<'a>(value: &Value<'a>, name: &str) -> Option<Item<'a>> {
    Some(match (value, name) {
        (Value::Quantity(quantity), "value") => quantity.value.into(),
        (Value::Quantity(quantity), "unit" | "code") => Item::string(quantity.unit.clone()),
        (Value::Type { namespace, .. }, "namespace") => Item::string(*namespace),
        (Value::Type { name, .. }, "name") => Item::string(*name),
        _ => return None,
    })
}

/// Appends one member, and its companion, item by item.
fn member<'a>(
    object: &'a Node<'a>,
    name: &str,
    kind: Option<&'static Type>,
    out: &mut Vec<Item<'a>>,
) {
    // Only primitives have companions; of an unknown type there may be one.
    let companion =
        if kind.is_none_or(Type::is_primitive) { companion(object, name) } else { None };
    push(object.get(name), companion, kind, out);
}

fn companion<'a>(object: &'a Node<'a>, name: &str) -> Option<&'a Node<'a>> {
    let mut members = object.members().iter();
    members.find(|(own, _)| own.strip_prefix('_') == Some(name)).map(|(_, node)| node)
}

fn push<'a>(
    value: Option<&'a Node<'a>>,
    companion: Option<&'a Node<'a>>,
    kind: Option<&'static Type>,
    out: &mut Vec<Item<'a>>,
) {
    let present = |node: Option<&'a Node<'a>>| node.filter(|node| **node != Node::Null);
    let (values, beside) =
        (value.map_or(&[][..], Node::each), companion.map_or(&[][..], Node::each));
    for at in 0..values.len().max(beside.len()) {
        let (node, companion) = (present(values.get(at)), present(beside.get(at)));
        if node.is_some() || companion.is_some() {
            out.push(Item::Element(Element::new(node, companion, actual(node, kind))));
        }
    }
}

/// The type of a resource that is declared as any resource.
fn actual(node: Option<&Node<'_>>, kind: Option<&'static Type>) -> Option<&'static Type> {
    match (node, kind) {
        (Some(node), None) => {
            node.text_of("resourceType").and_then(|name| Definitions::r4().of(name))
        }
        (Some(node), Some(declared)) if declared.is_resource() => {
            let named = node.text_of("resourceType");
            named.and_then(|name| Definitions::r4().of(name)).or(Some(declared))
        }
        _ => kind,
    }
}

/// Appends the members that a choice of that name may be: `value` is `valueQuantity`.
fn choices<'a>(
    object: &'a Node<'a>,
    name: &str,
    kind: Option<&'static Type>,
    out: &mut Vec<Item<'a>>,
) {
    for (key, node) in object.members() {
        let (bare, alone) = match key.strip_prefix('_') {
            Some(bare) => (bare, object.get(bare).is_none()),
            None => (key.as_ref(), true),
        };
        let Some(suffix) = bare.strip_prefix(name) else { continue };
        if !alone || !suffix.starts_with(|first: char| first.is_ascii_uppercase()) {
            continue;
        }
        let chosen = match kind {
            Some(kind) => kind.child(bare).filter(|child| child.element.name() == name),
            None => None,
        };
        let kind = match (kind, chosen) {
            (Some(_), None) => continue,
            (Some(_), Some(child)) => child.kind,
            (None, _) => match suffix_type(suffix) {
                Some(kind) => kind,
                None => continue,
            },
        };
        if bare.len() < key.len() {
            push(None, Some(node), Some(kind), out);
        } else {
            member(object, bare, Some(kind), out);
        }
    }
}

/// The type that a choice's name ends with.
fn suffix_type(suffix: &str) -> Option<&'static Type> {
    let definitions = Definitions::r4();
    definitions.of(suffix).filter(|kind| !kind.is_resource()).or_else(|| {
        let (first, rest) = suffix.split_at_checked(1)?;
        definitions.of(&format!("{}{rest}", first.to_ascii_lowercase()))
    })
}

/// Appends all elements inside of an item.
pub(super) fn children<'a>(item: &Item<'a>, out: &mut Vec<Item<'a>>) {
    let Item::Element(element) = item else { return };
    let Some(object) = object(*element) else { return };
    for (key, node) in object.members() {
        if key == "resourceType" {
            continue;
        }
        let kind_of =
            |name: &str| element.kind().and_then(|kind| kind.child(name)).map(|child| child.kind);
        match key.strip_prefix('_') {
            Some(bare) if object.get(bare).is_some() => {}
            Some(bare) => push(None, Some(node), kind_of(bare), out),
            None => member(object, key, kind_of(key), out),
        }
    }
}

/// All elements inside of items, at any depth.
pub(super) fn descendants<'a>(
    evaluator: &Evaluator<'a>,
    items: &[Item<'a>],
) -> Result<Vec<Item<'a>>, EvaluationRefusal> {
    let mut all = Vec::new();
    for item in items {
        children(item, &mut all);
    }
    let mut at = 0;
    while at < all.len() {
        let item = all[at].clone();
        children(&item, &mut all);
        at += 1;
        evaluator.step(1)?;
        if all.len() > super::walk::ITEMS_MAX {
            return Err(EvaluationRefusal::Size);
        }
    }
    Ok(all)
}
