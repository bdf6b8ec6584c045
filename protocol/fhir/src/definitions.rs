//! The types of FHIR R4 and their elements, from the table that `cargo xtask definitions`
//! makes. It belongs to the crate. The table is read once, at first use; everything that is
//! given out lives as long as the program.

mod read;
pub mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::Kind;

/// All types of R4.
pub struct Definitions {
    types: Vec<Type>,
    elements: Vec<Element>,
    invariants: Vec<Invariant>,
    by_name: HashMap<&'static str, u16>,
    by_kind: Vec<u16>,
}

/// What a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One JSON value: `string`, `date`, …
    Primitive,
    /// An object that any resource may use: `HumanName`, …
    Complex,
    /// The unnamed type of an element with elements below it, named by its path:
    /// `Patient.contact`.
    Nested,
    /// A resource.
    Resource,
}

/// The types of one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in FHIR")]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// A type. Types are the same where their names are.
#[derive(Debug)]
pub struct Type {
    name: &'static str,
    class: Class,
    primitive: Option<Primitive>,
    is_abstract: bool,
    base: Option<u16>,
    elements: Vec<u16>,
    required: Vec<u16>,
    names: Vec<Name>,
    invariants: Vec<u16>,
}

/// A member's name in JSON, and what stands there.
#[derive(Debug)]
struct Name {
    text: Box<str>,
    element: u16,
    kind: u16,
}

/// An element of a type.
#[derive(Debug)]
pub struct Element {
    name: &'static str,
    is_choice: bool,
    min: u32,
    max: Option<u32>,
    uses: Vec<TypeUse>,
    is_summary: bool,
    is_modifier: bool,
    binding: Option<Binding>,
    invariants: Vec<u16>,
}

/// One of the types that an element may have.
#[derive(Debug)]
pub struct TypeUse {
    kind: u16,
    profile: Option<&'static str>,
    targets: Vec<Kind>,
}

/// How strictly a value set is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Codes of the set are examples.
    Example,
    /// Codes of the set are encouraged.
    Preferred,
    /// Codes of the set are used where one fits.
    Extensible,
    /// No other codes.
    Required,
}

/// The value set that an element's codes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// How strictly.
    pub strength: Strength,
    /// The value set as in the table: HL7's own by its last part (`administrative-gender`),
    /// any other by its whole address.
    pub set: &'static str,
}

impl Binding {
    /// The value set's canonical address, without version.
    pub fn url(&self) -> String {
        canonical(self.set)
    }
}

/// The whole address of a value set as the tables name it.
pub(crate) fn canonical(set: &str) -> String {
    let set = set.split('|').next().unwrap_or(set);
    if set.contains(':') { set.to_owned() } else { format!("http://hl7.org/fhir/ValueSet/{set}") }
}

/// A rule of the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Its key, such as `pat-1`; unique within a type.
    pub key: &'static str,
    /// Whether what breaks it is an error; else it is a warning.
    pub is_error: bool,
    /// FHIRPath that is true of what keeps it.
    pub expression: &'static str,
    /// In words.
    pub words: &'static str,
}

/// What a JSON member of an object is.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The element.
    pub element: &'static Element,
    /// Its type here: of a choice, the one that the name says.
    pub kind: &'static Type,
    /// Whether this is the companion of a primitive (`_birthDate`): id and extensions.
    pub is_companion: bool,
}

impl Definitions {
    /// R4's definitions.
    pub fn r4() -> &'static Self {
        static R4: OnceLock<Definitions> = OnceLock::new();
        R4.get_or_init(|| read::table(tables::TYPES))
    }

    /// The type of that name: `Patient`, `HumanName`, `string`, `Patient.contact`.
    pub fn of(&'static self, name: &str) -> Option<&'static Type> {
        self.by_name.get(name).map(|at| self.at(*at))
    }

    /// The type of a kind of resource.
    pub fn of_kind(&'static self, kind: Kind) -> &'static Type {
        self.at(self.by_kind[usize::from(kind.number())])
    }

    /// The element at a path that begins with a type: `Patient.contact.name.family`,
    /// `Observation.value[x]`, `Observation.value`, `Observation.valueQuantity.code`.
    pub fn element(&'static self, path: &str) -> Option<&'static Element> {
        let mut parts = path.split('.');
        let mut kind = self.of(parts.next()?)?;
        let mut found = None;
        for part in parts {
            let (element, next) = kind.step(part)?;
            found = Some(element);
            kind = next;
        }
        found
    }

    /// Every type, abstract ones too.
    pub fn types(&'static self) -> impl Iterator<Item = &'static Type> {
        self.types.iter()
    }

    fn at(&'static self, at: u16) -> &'static Type {
        &self.types[usize::from(at)]
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Type {}

impl Type {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Which primitive it is.
    pub const fn primitive(&self) -> Option<Primitive> {
        self.primitive
    }

    /// Whether nothing is of exactly this type.
    pub const fn is_abstract(&self) -> bool {
        self.is_abstract
    }

    /// Whether it is one JSON value.
    pub fn is_primitive(&self) -> bool {
        self.class == Class::Primitive
    }

    /// Whether it is a resource, an abstract one too.
    pub fn is_resource(&self) -> bool {
        self.class == Class::Resource
    }

    /// What it is a special case of; `Element` and `Resource` of nothing.
    pub fn base(&self) -> Option<&'static Self> {
        self.base.map(|at| Definitions::r4().at(at))
    }

    /// Whether it is the type of that name or a special case of it.
    pub fn is_a(&self, name: &str) -> bool {
        self.name == name || self.base().is_some_and(|base| base.is_a(name))
    }

    /// Its elements with those of its base, in the order of the definitions.
    pub fn elements(&self) -> impl Iterator<Item = &'static Element> {
        elements(&self.elements)
    }

    /// Those of its elements that must be there.
    pub fn required(&self) -> impl Iterator<Item = &'static Element> {
        elements(&self.required)
    }

    /// The element by its name in FHIRPath: `value` for `value[x]`.
    pub fn element(&self, name: &str) -> Option<&'static Element> {
        self.elements().find(|element| element.name == name)
    }

    /// What a member of that name is in JSON; `resourceType` is no element.
    pub fn child(&self, name: &str) -> Option<Child> {
        let (name, is_companion) = match name.strip_prefix('_') {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let at = self.names.binary_search_by(|own| (*own.text).cmp(name)).ok()?;
        let found = &self.names[at];
        let definitions = Definitions::r4();
        let kind = definitions.at(found.kind);
        (!is_companion || kind.is_primitive()).then(|| Child {
            element: &definitions.elements[usize::from(found.element)],
            kind,
            is_companion,
        })
    }

    /// The rules for every value of this type, its base's among them.
    pub fn invariants(&self) -> impl Iterator<Item = &'static Invariant> {
        invariants(&self.invariants)
    }

    /// One step of a path, by FHIRPath's name, JSON's, or with `[x]`.
    fn step(&self, part: &str) -> Option<(&'static Element, &'static Self)> {
        if let Some(child) = self.child(part) {
            return Some((child.element, child.kind));
        }
        let element = self.element(part.strip_suffix("[x]").unwrap_or(part))?;
        Some((element, element.types().next()?))
    }
}

impl Element {
    /// Its name, without `[x]`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its name in JSON ends with its type.
    pub const fn is_choice(&self) -> bool {
        self.is_choice
    }

    /// How often it stands there at least.
    pub const fn min(&self) -> u32 {
        self.min
    }

    /// How often it may stand there; `None`: any number.
    pub const fn max(&self) -> Option<u32> {
        self.max
    }

    /// Whether it is an array in JSON.
    pub fn is_list(&self) -> bool {
        self.max != Some(1)
    }

    /// The types that it may have; one, unless it is a choice.
    pub fn types(&self) -> impl Iterator<Item = &'static Type> {
        self.uses.iter().map(TypeUse::kind)
    }

    /// The types with what is said of each.
    pub fn uses(&self) -> &[TypeUse] {
        &self.uses
    }

    /// Whether it stands in a summary.
    pub const fn is_summary(&self) -> bool {
        self.is_summary
    }

    /// Whether it can change the meaning of what it stands in.
    pub const fn is_modifier(&self) -> bool {
        self.is_modifier
    }

    /// Where its codes come from.
    pub const fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// The rules for this element, beside those of its type.
    pub fn invariants(&self) -> impl Iterator<Item = &'static Invariant> {
        invariants(&self.invariants)
    }

    /// Its names in JSON, each with the type that it means.
    pub fn json_names(&self) -> impl Iterator<Item = (String, &'static Type)> {
        self.types().map(|kind| {
            let name =
                if self.is_choice { choice(self.name, kind.name) } else { self.name.to_owned() };
            (name, kind)
        })
    }
}

impl TypeUse {
    /// The type.
    pub fn kind(&self) -> &'static Type {
        Definitions::r4().at(self.kind)
    }

    /// What narrows it: `SimpleQuantity`.
    pub const fn profile(&self) -> Option<&'static str> {
        self.profile
    }

    /// Of a reference or a canonical, the kinds it may lead to; empty: all.
    pub fn targets(&self) -> &[Kind] {
        &self.targets
    }
}

fn elements(numbers: &[u16]) -> impl Iterator<Item = &'static Element> {
    let all = &Definitions::r4().elements;
    numbers.iter().map(|at| &all[usize::from(*at)])
}

fn invariants(numbers: &[u16]) -> impl Iterator<Item = &'static Invariant> {
    let all = &Definitions::r4().invariants;
    numbers.iter().map(|at| &all[usize::from(*at)])
}

/// A choice's name in JSON: `value` and `dateTime` give `valueDateTime`.
fn choice(name: &str, kind: &str) -> String {
    let mut out = name.to_owned();
    let mut letters = kind.chars();
    out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    out.push_str(letters.as_str());
    out
}
