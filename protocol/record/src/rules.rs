//! What a resource of each type must and may hold: FHIR R4's required elements and
//! bindings, narrowed to the elements that we use (`rules/table.rs`). They belong to HL7.
//! Errors name an element of the table and never repeat a value or an unknown name.

mod table;

use serde_json::Value;

use crate::resource::ResourceKind;
use crate::text;

/// Most items of a list: a study of one image needs few; a bound against abuse.
const ITEMS_MAX: usize = 64;

/// Why a resource was refused. The element is one of the rules', never the input's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceRefusal {
    /// Not a JSON object.
    #[error("the resource is not a JSON object")]
    NotAnObject,
    /// `resourceType` is none that is kept here.
    #[error("the resource type is not kept here")]
    KindUnknown,
    /// An element that the rules do not know, inside the named one.
    #[error("{0} holds an element that is not supported")]
    Unknown(&'static str),
    /// A required element is absent.
    #[error("{0} is required")]
    Missing(&'static str),
    /// An element has another shape than FHIR's.
    #[error("{0} has the wrong shape")]
    Shape(&'static str),
    /// A code is not in the value set that FHIR requires.
    #[error("{0} holds a code outside its value set")]
    Code(&'static str),
}

impl ResourceRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "resource.malformed",
            Self::KindUnknown => "resource.type_unknown",
            Self::Unknown(_) => "resource.element_unknown",
            Self::Missing(_) => "resource.element_missing",
            Self::Shape(_) => "resource.element_shape",
            Self::Code(_) => "resource.code_unknown",
        }
    }
}

/// One element of an object.
pub(crate) struct Element {
    name: &'static str,
    required: bool,
    list: bool,
    shape: Shape,
}

/// What an element's value looks like.
pub(crate) enum Shape {
    Text,
    Id,
    Uri,
    Code,
    OneOf(&'static [&'static str]),
    Date,
    DateTime,
    Instant,
    Count,
    Decimal,
    Flag,
    Base64,
    Object(&'static [Element]),
    /// A reference: to `Type/uuid` of a kept type, or by identifier.
    Reference,
    /// An extension: a URL and exactly one value.
    Extension,
}

/// Checks a resource of `kind`.
pub(crate) fn check(kind: ResourceKind, body: &Value) -> Result<(), ResourceRefusal> {
    object(kind.name(), table::elements(kind), body, &["resourceType"])
}

fn object(
    within: &'static str,
    elements: &[Element],
    value: &Value,
    also: &[&str],
) -> Result<(), ResourceRefusal> {
    let members = value.as_object().filter(|members| !members.is_empty());
    let members = members.ok_or(ResourceRefusal::Shape(within))?;
    let known = |name: &String| {
        also.contains(&name.as_str()) || elements.iter().any(|element| element.name == name)
    };
    if !members.keys().all(known) {
        return Err(ResourceRefusal::Unknown(within));
    }
    elements.iter().try_for_each(|rule| match members.get(rule.name) {
        Some(value) => element(rule, value),
        None if rule.required => Err(ResourceRefusal::Missing(rule.name)),
        None => Ok(()),
    })
}

fn element(rule: &Element, value: &Value) -> Result<(), ResourceRefusal> {
    if !rule.list {
        return shape(rule, value);
    }
    let items = value.as_array().filter(|items| (1..=ITEMS_MAX).contains(&items.len()));
    let items = items.ok_or(ResourceRefusal::Shape(rule.name))?;
    items.iter().try_for_each(|item| shape(rule, item))
}

fn shape(rule: &Element, value: &Value) -> Result<(), ResourceRefusal> {
    let name = rule.name;
    let fits = match rule.shape {
        Shape::Object(elements) => return object(name, elements, value, &[]),
        Shape::Reference => return reference(name, value),
        Shape::Extension => return extension(name, value),
        Shape::OneOf(codes) => return one_of(name, codes, value),
        Shape::Count => value.as_u64().is_some_and(|count| i32::try_from(count).is_ok()),
        Shape::Decimal => value.is_number(),
        Shape::Flag => value.is_boolean(),
        Shape::Text => value.as_str().is_some_and(text::is_text),
        Shape::Id => value.as_str().is_some_and(text::is_uuid),
        Shape::Uri => value.as_str().is_some_and(text::is_uri),
        Shape::Code => value.as_str().is_some_and(text::is_code),
        Shape::Date => value.as_str().is_some_and(text::is_date),
        Shape::DateTime => value.as_str().is_some_and(text::is_date_time),
        Shape::Instant => value.as_str().is_some_and(text::is_instant),
        Shape::Base64 => value.as_str().is_some_and(is_base64),
    };
    if fits { Ok(()) } else { Err(ResourceRefusal::Shape(name)) }
}

fn one_of(name: &'static str, codes: &[&str], value: &Value) -> Result<(), ResourceRefusal> {
    let code = value.as_str().ok_or(ResourceRefusal::Shape(name))?;
    if codes.contains(&code) { Ok(()) } else { Err(ResourceRefusal::Code(name)) }
}

fn reference(name: &'static str, value: &Value) -> Result<(), ResourceRefusal> {
    object(name, table::REFERENCE, value, &[])?;
    match value.get("reference").map(Value::as_str) {
        None if value.get("identifier").is_some() => Ok(()),
        Some(Some(text)) if is_local(text) => Ok(()),
        _ => Err(ResourceRefusal::Shape(name)),
    }
}

fn is_local(reference: &str) -> bool {
    reference
        .split_once('/')
        .is_some_and(|(kind, id)| kind.parse::<ResourceKind>().is_ok() && text::is_uuid(id))
}

fn extension(name: &'static str, value: &Value) -> Result<(), ResourceRefusal> {
    object(name, table::EXTENSION, value, &[])?;
    // `url` and one `value[x]`.
    if value.as_object().map_or(0, serde_json::Map::len) == 2 {
        Ok(())
    } else {
        Err(ResourceRefusal::Shape(name))
    }
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    text::is_text(text) && base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

#[cfg(test)]
mod tests;
