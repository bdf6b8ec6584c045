//! The values that a FHIRPath Patch gives, and the names under which they come to stand. It
//! belongs to `patch`.

use autoclave_fhir::definitions::Type;
use autoclave_fhir::json::Node;

/// A value with the ending that it gives to a choice's name, and its companion.
pub(super) struct Given {
    pub(super) node: Option<Node<'static>>,
    pub(super) companion: Option<Node<'static>>,
    suffix: Option<String>,
}

/// Levels of parts inside of parts.
const PARTS_DEEP_MAX: usize = 16;

/// The value that a part says: `value[x]`, a resource, or parts of an unnamed type.
pub(super) fn value_of(part: &Node<'_>, kind: Option<&'static Type>, deep: usize) -> Option<Given> {
    if deep > PARTS_DEEP_MAX {
        return None;
    }
    if let Some(resource) = part.get("resource") {
        let node = Some(resource.clone().into_owned());
        return Some(Given { node, companion: None, suffix: None });
    }
    if let Some(parts) = part.get("part") {
        let mut object = Node::Object(Vec::new());
        for part in parts.items() {
            let target = Target::named(kind?, part.text_of("name")?)?;
            let given = value_of(part, target.kind, deep + 1)?;
            let key = target.key(&given)?;
            put(&mut object, key, given, target.list);
        }
        return Some(Given { node: Some(object), companion: None, suffix: None });
    }
    let mut given = Given { node: None, companion: None, suffix: None };
    for (name, value) in part.members() {
        if let Some(suffix) = name.strip_prefix("value") {
            given.node = Some(value.clone().into_owned());
            given.suffix = Some(suffix.to_owned());
        } else if let Some(suffix) = name.strip_prefix("_value") {
            given.companion = Some(value.clone().into_owned());
            given.suffix = Some(suffix.to_owned());
        }
    }
    (given.node.is_some() || given.companion.is_some()).then_some(given)
}

/// Puts a value under its name, at the end of a list.
pub(super) fn put(object: &mut Node<'static>, key: String, given: Given, list: bool) {
    let Node::Object(members) = object else { return };
    let before =
        members.iter().find(|(own, _)| *own == key).map_or(0, |(_, all)| all.items().len());
    for (key, value, other) in
        [(format!("_{key}"), given.companion, given.node.is_some()), (key, given.node, false)]
    {
        if !list {
            members.extend(value.map(|value| (key.into(), value)));
            continue;
        }
        let there = members.iter_mut().find(|(own, _)| *own == key);
        match (there, value) {
            (Some((_, Node::List(items))), value) => items.push(value.unwrap_or(Node::Null)),
            (None, Some(value)) => {
                let mut items = if other { vec![Node::Null; before] } else { Vec::new() };
                items.push(value);
                members.push((key.into(), Node::List(items)));
            }
            _ => {}
        }
    }
}

/// An element that an operation names.
pub(super) struct Target {
    name: &'static str,
    pub(super) kind: Option<&'static Type>,
    types: Vec<&'static Type>,
    pub(super) choice: bool,
    pub(super) list: bool,
}

impl Target {
    /// By FHIRPath's name, or JSON's.
    pub(super) fn named(kind: &'static Type, name: &str) -> Option<Self> {
        if let Some(element) = kind.element(name) {
            let types: Vec<_> = element.types().collect();
            let choice = element.is_choice();
            let only = if choice { None } else { types.first().copied() };
            let list = element.is_list();
            return Some(Self { name: element.name(), kind: only, types, choice, list });
        }
        Self::member(kind, name)
    }

    /// By JSON's name.
    pub(super) fn member(kind: &'static Type, name: &str) -> Option<Self> {
        let child = kind.child(name)?;
        Self::named(kind, child.element.name())
    }

    /// The name in JSON under which a value stands; `None` for a type that a choice does not
    /// have.
    pub(super) fn key(&self, given: &Given) -> Option<String> {
        if !self.choice {
            return Some(self.name.to_owned());
        }
        let suffix = given.suffix.as_deref()?;
        self.types
            .iter()
            .any(|kind| capital(kind.name()) == suffix)
            .then(|| format!("{}{suffix}", self.name))
    }

    /// The names in JSON under which it may stand.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.types.iter().map(|kind| {
            if self.choice {
                format!("{}{}", self.name, capital(kind.name()))
            } else {
                self.name.to_owned()
            }
        })
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
