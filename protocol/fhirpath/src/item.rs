//! What a collection of FHIRPath holds: elements of a tree, and values. It belongs to the
//! crate. Items are parts of somebody's record: neither `Debug` nor `Display`.

use std::borrow::Cow;

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::Type;
use autoclave_fhir::json::Node;
use rust_decimal::Decimal;

use crate::EvaluationRefusal;
use crate::value::{Date, DateTime, Step, Time};

/// One item of a collection. It is never printed:
///
/// ```compile_fail,E0277
/// fn print(_: impl std::fmt::Debug) {}
/// print(autoclave_fhirpath::Item::string("Peter"));
/// ```
#[derive(Clone)]
pub enum Item<'a> {
    /// An element of the tree.
    Element(Element<'a>),
    /// A value that was written in the expression or made by it.
    Value(Value<'a>),
}

/// An element of a tree, with what the definitions say of it.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    node: Option<&'a Node<'a>>,
    companion: Option<&'a Node<'a>>,
    kind: Option<&'static Type>,
}

/// A value of FHIRPath's own types.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// `System.Boolean`
    Boolean(bool),
    /// `System.String`
    String(Cow<'a, str>),
    /// `System.Integer`
    Integer(i32),
    /// `System.Decimal`
    Decimal(Decimal),
    /// `System.Date`
    Date(Date),
    /// `System.DateTime`
    DateTime(DateTime),
    /// `System.Time`
    Time(Time),
    /// `System.Quantity`
    Quantity(Quantity<'a>),
    /// What `type()` says.
    Type {
        /// `System` or `FHIR`
        namespace: &'static str,
        /// The type's name.
        name: &'static str,
    },
}

/// A number with its unit.
#[derive(Clone, PartialEq)]
pub struct Quantity<'a> {
    /// The number.
    pub value: Decimal,
    /// UCUM, or a calendar's word in the singular; `1` where there is none.
    pub unit: Cow<'a, str>,
    /// Whether the unit is a calendar's word.
    pub calendar: bool,
}

impl<'a> Element<'a> {
    /// An element: its value, its companion (`_birthDate`), its type.
    pub const fn new(
        node: Option<&'a Node<'a>>,
        companion: Option<&'a Node<'a>>,
        kind: Option<&'static Type>,
    ) -> Self {
        Self { node, companion, kind }
    }

    /// Its value; `None` where it only has a companion.
    pub const fn node(self) -> Option<&'a Node<'a>> {
        self.node
    }

    /// The id and extensions of a primitive.
    pub const fn companion(self) -> Option<&'a Node<'a>> {
        self.companion
    }

    /// Its type, where the definitions know it.
    pub const fn kind(self) -> Option<&'static Type> {
        self.kind
    }

    /// Whether it is of a type or a special case of it.
    pub(crate) fn is_a(self, name: &str) -> bool {
        self.kind.is_some_and(|kind| kind.is_a(name))
    }

    /// The name of its type, where that says what it is: an unnamed type is what it is based on.
    pub(crate) fn type_name(self) -> Option<&'static str> {
        let kind = self.kind?;
        if kind.name().contains('.') { kind.base().map(Type::name) } else { Some(kind.name()) }
    }
}

impl<'a> Item<'a> {
    /// An element inside of a resource: its value, its companion, its type.
    pub const fn element(
        node: &'a Node<'a>,
        companion: Option<&'a Node<'a>>,
        kind: &'static Type,
    ) -> Self {
        Self::Element(Element::new(Some(node), companion, Some(kind)))
    }

    /// A string.
    pub fn string(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Value(Value::String(text.into()))
    }

    /// The tree where this is an element that has one.
    pub const fn node(&self) -> Option<&'a Node<'a>> {
        match self {
            Self::Element(element) => element.node,
            Self::Value(_) => None,
        }
    }

    /// The element, where it is one.
    pub const fn as_element(&self) -> Option<Element<'a>> {
        match self {
            Self::Element(element) => Some(*element),
            Self::Value(_) => None,
        }
    }

    /// This item as a value: `Ok(None)` for an element that is none, such as a name.
    pub fn value(&self) -> Result<Option<Value<'a>>, EvaluationRefusal> {
        match self {
            Self::Value(value) => Ok(Some(value.clone())),
            Self::Element(element) => of_element(*element),
        }
    }

    /// Its truth, where it is a boolean.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Value(Value::Boolean(truth))
            | Self::Element(Element { node: Some(Node::Bool(truth)), .. }) => Some(*truth),
            _ => None,
        }
    }

    /// Its text, where it is a string; of an element also that of a code, a date, an address.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Value(Value::String(text))
            | Self::Element(Element { node: Some(Node::Text(text)), .. }) => Some(text),
            _ => None,
        }
    }
}

impl<'a> From<&'a Node<'a>> for Item<'a> {
    /// A resource, typed by its `resourceType`; anything else has no type.
    fn from(node: &'a Node<'a>) -> Self {
        let kind = node.text_of("resourceType").and_then(|name| Definitions::r4().of(name));
        Self::Element(Element::new(Some(node), None, kind))
    }
}

impl From<bool> for Item<'_> {
    fn from(truth: bool) -> Self {
        Self::Value(Value::Boolean(truth))
    }
}

impl From<i32> for Item<'_> {
    fn from(number: i32) -> Self {
        Self::Value(Value::Integer(number))
    }
}

impl From<Decimal> for Item<'_> {
    fn from(number: Decimal) -> Self {
        Self::Value(Value::Decimal(number))
    }
}

impl<'a> From<Value<'a>> for Item<'a> {
    fn from(value: Value<'a>) -> Self {
        Self::Value(value)
    }
}

fn of_element(element: Element<'_>) -> Result<Option<Value<'_>>, EvaluationRefusal> {
    let Some(node) = element.node else { return Ok(None) };
    Ok(match node {
        Node::Bool(truth) => Some(Value::Boolean(*truth)),
        Node::Number(digits) => Some(of_number(digits, element.kind)?),
        Node::Text(text) => Some(of_text(text, element.kind)),
        Node::Object(_) if element.is_a("Quantity") => quantity(node)?.map(Value::Quantity),
        _ => None,
    })
}

fn of_number<'a>(
    digits: &str,
    kind: Option<&'static Type>,
) -> Result<Value<'a>, EvaluationRefusal> {
    let whole = kind.map_or(!digits.contains(['.', 'e', 'E']), |kind| kind.name() != "decimal");
    if whole && let Ok(number) = digits.parse() {
        return Ok(Value::Integer(number));
    }
    decimal(digits).map(Value::Decimal)
}

/// A JSON number, exactly.
pub(crate) fn decimal(digits: &str) -> Result<Decimal, EvaluationRefusal> {
    let read = if digits.contains(['e', 'E']) {
        Decimal::from_scientific(digits)
    } else {
        Decimal::from_str_exact(digits)
    };
    read.map_err(|_| EvaluationRefusal::Number)
}

fn of_text<'a>(text: &'a Cow<'a, str>, kind: Option<&'static Type>) -> Value<'a> {
    let moment = match kind.map_or("", Type::name) {
        "date" => Date::parse(text).map(Value::Date),
        "dateTime" | "instant" => DateTime::parse(text).map(Value::DateTime),
        "time" => Time::parse(text).map(Value::Time),
        _ => None,
    };
    moment.unwrap_or_else(|| Value::String(Cow::Borrowed(text)))
}

/// FHIR's quantity as FHIRPath's, where it has a value and no comparator.
fn quantity<'a>(node: &'a Node<'a>) -> Result<Option<Quantity<'a>>, EvaluationRefusal> {
    let Some(digits) = node.get("value").and_then(Node::number) else { return Ok(None) };
    if node.get("comparator").is_some() {
        return Ok(None);
    }
    let unit = node.text_of("code").or_else(|| node.text_of("unit")).unwrap_or("1");
    // UCUM's `a` and `mo` in a record are what people mean by years and months.
    let word = match (node.text_of("system"), unit) {
        (Some("http://unitsofmeasure.org"), "a") => Some(Step::Year),
        (Some("http://unitsofmeasure.org"), "mo") => Some(Step::Month),
        _ => None,
    };
    Ok(Some(Quantity {
        value: decimal(digits)?,
        unit: Cow::Borrowed(match word {
            Some(step) => step.word(),
            None => unit,
        }),
        calendar: word.is_some(),
    }))
}

impl Value<'_> {
    /// The value as text, as FHIR writes it; a quantity as FHIRPath does.
    pub fn text(&self) -> String {
        match self {
            Self::Boolean(truth) => truth.to_string(),
            Self::String(text) => text.clone().into_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Date(date) => date.text(),
            Self::DateTime(moment) => moment.text(),
            Self::Time(time) => time.text(),
            Self::Quantity(quantity) if quantity.calendar => {
                format!("{} {}", quantity.value, words(quantity))
            }
            Self::Quantity(quantity) => format!("{} '{}'", quantity.value, quantity.unit),
            Self::Type { namespace, name } => format!("{namespace}.{name}"),
        }
    }

    /// The name of its type in `System`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "Boolean",
            Self::String(_) => "String",
            Self::Integer(_) => "Integer",
            Self::Decimal(_) => "Decimal",
            Self::Date(_) => "Date",
            Self::DateTime(_) => "DateTime",
            Self::Time(_) => "Time",
            Self::Quantity(_) => "Quantity",
            Self::Type { .. } => "SimpleTypeInfo",
        }
    }
}

fn words(quantity: &Quantity<'_>) -> String {
    let plural = if quantity.value == Decimal::ONE { "" } else { "s" };
    format!("{}{plural}", quantity.unit)
}
