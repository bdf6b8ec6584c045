//! Of which type an item is. It belongs to `evaluate`. `is` knows special cases; `as` and
//! `ofType` take a primitive by its own type only, as HL7's tests do.

use autoclave_fhir::Definitions;

use super::walk::Found;
use super::{EvaluationRefusal, single};
use crate::item::{Element, Item, Value};
use crate::syntax::TypeName;

/// The types of `System`.
const SYSTEM: [&str; 9] =
    ["Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"];

/// Whether a path that begins with a type's name begins with this item.
pub(super) fn is_named(item: &Item<'_>, name: &str) -> bool {
    let Item::Element(element) = item else { return false };
    element.is_a(name) || element.node().and_then(|node| node.text_of("resourceType")) == Some(name)
}

/// `is`
pub(super) fn is<'a>(found: &[Item<'a>], what: &TypeName) -> Found<'a> {
    known(what)?;
    Ok(single(found)?.map(|item| matches(item, what, false).into()).into_iter().collect())
}

/// `as`: of one item, as the specification says; but HL7's own rules (dom-3) ask it of many,
/// so only strict evaluation refuses that.
pub(super) fn as_type<'a>(found: Vec<Item<'a>>, what: &TypeName, strict: bool) -> Found<'a> {
    known(what)?;
    if strict {
        single(&found)?;
    }
    of_type(found, what)
}

/// `ofType`
pub(super) fn of_type<'a>(mut found: Vec<Item<'a>>, what: &TypeName) -> Found<'a> {
    known(what)?;
    found.retain(|item| matches(item, what, true));
    Ok(found)
}

/// `type()`
pub(super) fn named<'a>(found: &[Item<'a>]) -> Vec<Item<'a>> {
    let all = found.iter().filter_map(|item| {
        let (namespace, name) = match item {
            Item::Value(value) => ("System", value.type_name()),
            Item::Element(element) => ("FHIR", element.type_name()?),
        };
        Some(Item::Value(Value::Type { namespace, name }))
    });
    all.collect()
}

fn known(what: &TypeName) -> Result<(), EvaluationRefusal> {
    let fhir = || Definitions::r4().of(&what.name).is_some();
    let known = match what.namespace.as_deref() {
        // A name that `System` lacks is a type of nothing, not a mistake.
        Some("System") => true,
        Some("FHIR") => fhir(),
        None => SYSTEM.contains(&&*what.name) || fhir(),
        Some(_) => false,
    };
    if known { Ok(()) } else { Err(EvaluationRefusal::UnknownType) }
}

fn matches(item: &Item<'_>, what: &TypeName, exactly: bool) -> bool {
    match (item, what.namespace.as_deref()) {
        (Item::Value(value), None | Some("System")) => {
            &*what.name == "Any" || value.type_name() == &*what.name
        }
        (Item::Element(element), None | Some("FHIR")) => element_is(*element, &what.name, exactly),
        _ => false,
    }
}

fn element_is(element: Element<'_>, name: &str, exactly: bool) -> bool {
    match element.kind() {
        Some(kind) if exactly && kind.is_primitive() => kind.name() == name,
        Some(kind) => kind.is_a(name),
        None => false,
    }
}
