//! The check that runs on every write: does a resource have the form that R4 says? Elements,
//! cardinalities, formats of primitives, codes of required bindings, references to what is
//! contained, narrative. It belongs to the crate. It stores nothing and repeats no value.

mod codes;
mod dates;
mod narrative;
mod primitive;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use autoclave_fhir::definitions::{Child, Element, Strength, Type, TypeUse};
use autoclave_fhir::json::Node;
use autoclave_fhir::{Definitions, Kind};

use crate::finding::{Finding, Findings, IssueType, Place, Severity};

pub(crate) use codes::CodeSet;
pub use primitive::is_id;

/// Checks the form of a resource. What is an error must not be stored; a warning may.
pub fn check(resource: &Node<'_>) -> Vec<Finding> {
    found(resource).into_vec()
}

/// As [`check`], to find more.
pub(crate) fn found(resource: &Node<'_>) -> Findings {
    let mut check = Check { findings: Findings::default() };
    let name = resource.text_of("resourceType").filter(|name| name.parse::<Kind>().is_ok());
    let place = Place::root(name.unwrap_or("Resource"));
    check.resource(resource, place, None);
    check.findings
}

/// Whether a name may be repeated: it looks like an element's, not like somebody's words.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The resource around what is checked: where `#…` leads.
#[derive(Clone, Copy)]
struct Around<'n> {
    contained: &'n [Node<'n>],
    is_contained: bool,
}

struct Check {
    findings: Findings,
}

/// The rules of this check: stable code, what it is about, in words.
type Rule = (&'static str, IssueType, &'static str);

const UNKNOWN_TYPE: Rule =
    ("resource-type-unknown", IssueType::Structure, "This is no resource type of R4.");
const UNKNOWN: Rule = ("element-unknown", IssueType::Structure, "R4 has no such element here.");
const OBJECT: Rule = ("object-expected", IssueType::Structure, "An object is expected here.");
const ARRAY: Rule = ("array-expected", IssueType::Structure, "An array is expected here.");
const NO_ARRAY: Rule =
    ("array-not-allowed", IssueType::Structure, "One value is expected here, not an array.");
const EMPTY: Rule = ("empty", IssueType::Structure, "Neither objects nor arrays may be empty.");
const ONLY_ID: Rule =
    ("element-empty", IssueType::Structure, "An element needs a value or children beside its id.");
const NULL: Rule = (
    "null-not-allowed",
    IssueType::Structure,
    "null stands only in arrays of primitives, where the other array has something.",
);
const REQUIRED: Rule = ("element-missing", IssueType::Required, "A required element is missing.");
const TOO_MANY: Rule =
    ("element-not-allowed", IssueType::Structure, "This element must not be here.");
const CHOICE: Rule =
    ("choice-twice", IssueType::Structure, "Only one type of this choice may be here.");
const CODE: Rule =
    ("code-unknown", IssueType::CodeInvalid, "The code is not of the required value set.");
const NESTED: Rule = (
    "contained-nested",
    IssueType::Structure,
    "A contained resource must not contain further ones.",
);
const CONTAINED_ID: Rule =
    ("contained-id", IssueType::Structure, "Each contained resource needs an id of its own.");
const REFERENCE: Rule = (
    "reference-contained",
    IssueType::NotFound,
    "No contained resource has the id that is referred to.",
);
const TARGET: Rule = (
    "reference-target",
    IssueType::Structure,
    "A reference to a resource of this type is not allowed here.",
);
const EXTENSION: Rule = (
    "extension-value",
    IssueType::Structure,
    "An extension has a value or extensions, and not both.",
);

impl Check {
    fn add(&mut self, rule: Rule, place: Place<'_>) {
        self.say(Severity::Error, rule, place);
    }

    fn say(&mut self, severity: Severity, rule: Rule, place: Place<'_>) {
        self.findings.add(severity, || Finding {
            severity,
            issue: rule.1,
            code: rule.0.into(),
            place: place.to_string(),
            message: Cow::Borrowed(rule.2),
        });
    }

    fn resource(&mut self, node: &Node<'_>, place: Place<'_>, around: Option<Around<'_>>) {
        if !matches!(node, Node::Object(_)) {
            return self.add(OBJECT, place);
        }
        if self.findings.are_full() {
            return;
        }
        let Some(kind) = node.text_of("resourceType").and_then(|name| name.parse::<Kind>().ok())
        else {
            return self.add(UNKNOWN_TYPE, place);
        };
        let contained = node.get("contained").map_or(&[][..], Node::items);
        if around.is_some_and(|around| around.is_contained) && !contained.is_empty() {
            self.add(NESTED, place);
        }
        let within = match around {
            Some(around) if around.is_contained => around,
            _ => Around { contained, is_contained: false },
        };
        self.object(node, Definitions::r4().of_kind(kind), place, within);
        self.contained_ids(contained, place);
    }

    fn contained_ids(&mut self, contained: &[Node<'_>], place: Place<'_>) {
        for (at, one) in contained.iter().enumerate() {
            let id = one.text_of("id");
            let is_own = id.is_some_and(|id| {
                !contained[..at].iter().any(|other| other.text_of("id") == Some(id))
            });
            if !is_own {
                self.add(CONTAINED_ID, place.below("contained").item(at));
            }
        }
    }

    /// An object of a type: its members, then what it lacks.
    fn object(
        &mut self,
        node: &Node<'_>,
        kind: &'static Type,
        place: Place<'_>,
        around: Around<'_>,
    ) {
        let members = node.members();
        if members.is_empty() {
            return self.add(EMPTY, place);
        }
        let mut choice: Option<Child> = None;
        for (name, value) in members {
            let Some(child) = kind.child(name) else {
                if !(kind.is_resource() && name == "resourceType") {
                    let known = is_name(name);
                    let inner = place.below(name);
                    self.add(UNKNOWN, if known { inner } else { place });
                }
                continue;
            };
            if child.element.is_choice() {
                self.choice(&mut choice, child, place);
            }
            self.member(node, name, value, child, place, around);
        }
        for element in kind.required() {
            if !is_there(node, element) {
                self.add(REQUIRED, place.below(element.name()));
            }
        }
        match kind.name() {
            "Reference" => self.reference(node, place, around),
            "Extension" => self.extension(node, place),
            _ => {}
        }
    }

    /// A type has hardly more than one choice; of two, each is compared with the last seen.
    fn choice(&mut self, last: &mut Option<Child>, child: Child, place: Place<'_>) {
        if let Some(last) = last
            && std::ptr::eq(last.element, child.element)
            && last.kind != child.kind
        {
            self.add(CHOICE, place.below(child.element.name()));
        }
        *last = Some(child);
    }

    fn member(
        &mut self,
        node: &Node<'_>,
        name: &str,
        value: &Node<'_>,
        child: Child,
        place: Place<'_>,
        around: Around<'_>,
    ) {
        let place = place.below(child.element.name());
        if child.element.max() == Some(0) {
            return self.add(TOO_MANY, place);
        }
        if !child.element.is_list() {
            return match value {
                Node::List(_) => self.add(NO_ARRAY, place),
                Node::Null => self.add(NULL, place),
                one => self.one(one, child, other_has(node, name, child, 0), place, around),
            };
        }
        let Node::List(items) = value else {
            return self.add(ARRAY, place);
        };
        if items.is_empty() {
            self.add(EMPTY, place);
        }
        for (at, item) in items.iter().enumerate() {
            let place = place.item(at);
            let has_other = other_has(node, name, child, at);
            if !matches!(item, Node::Null) {
                self.one(item, child, has_other, place, around);
            } else if !has_other {
                self.add(NULL, place);
            }
        }
    }

    /// One value of an element; of a primitive's companion, `has_other` says whether the
    /// primitive has a value as well.
    fn one(
        &mut self,
        value: &Node<'_>,
        child: Child,
        has_other: bool,
        place: Place<'_>,
        around: Around<'_>,
    ) {
        if child.is_companion {
            match (value, Definitions::r4().of("Element")) {
                (Node::Object(_), Some(element)) => self.object(value, element, place, around),
                _ => self.add(OBJECT, place),
            }
            if !has_other {
                self.only_id(value, place);
            }
            return;
        }
        if let Some(primitive) = child.kind.primitive() {
            if let Some(fault) = primitive::fault(primitive, value) {
                self.add(("value-format", IssueType::Value, fault), place);
            } else {
                self.text(value, child, place);
            }
            return;
        }
        if !matches!(value, Node::Object(_)) {
            return self.add(OBJECT, place);
        }
        if child.kind.is_resource() {
            let inner = (child.element.name() == "contained")
                .then_some(Around { is_contained: true, ..around });
            return self.resource(value, place, inner);
        }
        self.object(value, child.kind, place, around);
        self.only_id(value, place);
        self.coded(value, child, place);
        if child.kind.name() == "Reference" {
            self.target(value, child.element, place);
        }
    }

    fn only_id(&mut self, value: &Node<'_>, place: Place<'_>) {
        if let [(name, _)] = value.members()
            && name == "id"
        {
            self.add(ONLY_ID, place);
        }
    }

    /// What a well-formed string must be beside its format.
    fn text(&mut self, value: &Node<'_>, child: Child, place: Place<'_>) {
        let Some(text) = value.text() else { return };
        if child.kind.name() == "xhtml" {
            if let Some((severity, fault)) = narrative::fault(text) {
                self.say(severity, ("narrative", IssueType::Value, fault), place);
            }
        } else if let Some(set) = required(child.element)
            && !set.has_code(text)
        {
            self.add(CODE, place);
        }
    }

    fn coded(&mut self, value: &Node<'_>, child: Child, place: Place<'_>) {
        let Some(set) = required(child.element) else { return };
        let has = |coding: &Node<'_>| {
            coding.text_of("code").is_some_and(|code| set.has(coding.text_of("system"), code))
        };
        let fits = match child.kind.name() {
            "Coding" => value.get("code").is_none() || has(value),
            "CodeableConcept" => {
                let codings = value.get("coding").map_or(&[][..], Node::items);
                codings.is_empty() || codings.iter().any(has)
            }
            _ => true,
        };
        if !fits {
            self.add(CODE, place);
        }
    }

    fn reference(&mut self, node: &Node<'_>, place: Place<'_>, around: Around<'_>) {
        let Some(id) = node.text_of("reference").and_then(|to| to.strip_prefix('#')) else {
            return;
        };
        let is_there =
            id.is_empty() || around.contained.iter().any(|one| one.text_of("id") == Some(id));
        if !is_there {
            self.add(REFERENCE, place.below("reference"));
        }
    }

    /// A relative reference says the type that it leads to.
    fn target(&mut self, node: &Node<'_>, element: &Element, place: Place<'_>) {
        let targets = element.uses().iter().find(|one| one.kind().name() == "Reference");
        let Some(targets) = targets.map(TypeUse::targets).filter(|all| !all.is_empty()) else {
            return;
        };
        let kind = node
            .text_of("reference")
            .and_then(|to| to.split_once('/'))
            .and_then(|(kind, _)| kind.parse::<Kind>().ok());
        if kind.is_some_and(|kind| !targets.contains(&kind)) {
            // Official examples do it, and nothing breaks by it.
            self.say(Severity::Warning, TARGET, place.below("reference"));
        }
    }

    fn extension(&mut self, node: &Node<'_>, place: Place<'_>) {
        let is_value = |name: &str| name.trim_start_matches('_').starts_with("value");
        let has_value = node.members().iter().any(|(name, _)| is_value(name));
        if has_value == node.get("extension").is_some() {
            self.add(EXTENSION, place);
        }
    }
}

/// The codes of an element's required binding, where they can be listed.
fn required(element: &Element) -> Option<&'static CodeSet> {
    let binding = element.binding()?;
    if binding.strength != Strength::Required {
        return None;
    }
    codes::required(binding.set)
}

/// Whether an element stands in an object, be it only by its companion.
fn is_there(node: &Node<'_>, element: &Element) -> bool {
    let names = |name: &str| {
        let name = name.strip_prefix('_').unwrap_or(name);
        match name.strip_prefix(element.name()) {
            Some("") => !element.is_choice(),
            Some(rest) => {
                element.is_choice() && rest.starts_with(|letter: char| letter.is_ascii_uppercase())
            }
            None => false,
        }
    };
    node.members().iter().any(|(name, _)| names(name))
}

/// Whether the primitive of a companion, or the other way round, has something at this place.
fn other_has(node: &Node<'_>, name: &str, child: Child, at: usize) -> bool {
    if !child.kind.is_primitive() {
        return false;
    }
    let other = match name.strip_prefix('_') {
        Some(name) => node.get(name),
        None => companion(node, name),
    };
    other.and_then(|other| other.each().get(at)).is_some_and(|item| !matches!(item, Node::Null))
}

fn companion<'n>(node: &'n Node<'n>, name: &str) -> Option<&'n Node<'n>> {
    let is_its = |own: &str| own.strip_prefix('_') == Some(name);
    node.members().iter().find(|(own, _)| is_its(own)).map(|(_, value)| value)
}
