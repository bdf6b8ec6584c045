//! Search parameters' expressions as paths through JSON. The definitions of R4 say which
//! members a step has and of which type the value at the end is. It belongs to the crate.

use autoclave_fhir::Kind;
use autoclave_fhir::definitions::{Binding, Definitions, Type};
use autoclave_fhir::json::Node;

/// One step: a member, and which of its values are meant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: Box<str>,
    /// Only those whose member of that name has that text.
    pub(crate) only: Option<(Box<str>, Box<str>)>,
    /// Only the first.
    first: bool,
}

/// Steps from an object to values below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// Calls back with every value at the end of the path.
    pub(crate) fn each<'n, 'a>(&self, node: &'n Node<'a>, found: &mut impl FnMut(&'n Node<'a>)) {
        walk(&self.0, node, found);
    }

    /// This path with more steps at its end.
    pub(crate) fn with(&self, names: &[&str]) -> Self {
        let mut path = self.clone();
        path.0.extend(names.iter().map(|name| Step::plain(name)));
        path
    }
}

impl Step {
    fn plain(name: &str) -> Self {
        Self { name: name.into(), only: None, first: false }
    }

    fn takes(&self, node: &Node<'_>) -> bool {
        self.only.as_ref().is_none_or(|(name, text)| node.text_of(name) == Some(text))
    }
}

fn walk<'n, 'a>(steps: &[Step], node: &'n Node<'a>, found: &mut impl FnMut(&'n Node<'a>)) {
    let Some((step, rest)) = steps.split_first() else { return found(node) };
    let Some(value) = node.get(&step.name) else { return };
    let most = if step.first { 1 } else { usize::MAX };
    for one in value.each().iter().take(most).filter(|one| step.takes(one)) {
        walk(rest, one, found);
    }
}

/// Where an expression leads: a path and the type of what is there.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) path: Path,
    pub(crate) kind: &'static Type,
    /// The value set that its codes come from.
    pub(crate) set: Option<String>,
    /// Of a reference: only to this type.
    pub(crate) only: Option<Kind>,
}

/// A place on the way: at a type, or before a choice whose type is not yet said.
#[derive(Clone)]
struct Place {
    end: End,
    choice: Option<&'static str>,
}

/// All ends of an expression as the definitions of search parameters write it: alternatives of
/// `a.b`, `ofType(T)`, `where(resolve() is T)`, `where(a='b')`, `[0]`. None: it says something
/// else.
pub(crate) fn ends(expression: &str, root: &'static Type) -> Option<Vec<End>> {
    let mut all = Vec::new();
    for alternative in split(expression, '|') {
        all.extend(alternative_ends(alternative, root)?);
    }
    Some(all)
}

fn alternative_ends(text: &str, root: &'static Type) -> Option<Vec<End>> {
    let text = text.replace(" = ", "=").replace(['(', ')'], " ");
    let start = End { path: Path::default(), kind: root, set: None, only: None };
    let mut places = vec![Place { end: start, choice: None }];
    for segment in split(text.trim(), '.') {
        let words: Vec<&str> = segment.split_whitespace().collect();
        places = match words.as_slice() {
            [] => places,
            [name] if *name == root.name() || *name == "Resource" => places,
            ["ofType" | "as", kind] => typed(places, kind),
            ["where", "resolve", "is", kind] => only(places, kind.parse().ok()?),
            ["where", condition] => filtered(places, condition)?,
            [name, "as", kind] => typed(named(places, name), kind),
            [name] => named(places, name),
            _ => return None,
        };
    }
    let ends: Vec<End> = places.into_iter().flat_map(settled).collect();
    (!ends.is_empty()).then_some(ends)
}

/// Parts at a mark that stands outside quotes.
fn split(text: &str, mark: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '\'';
        c == mark && !quoted
    })
    .collect()
}

fn typed(places: Vec<Place>, kind: &str) -> Vec<Place> {
    let matches = |end: &End| end.kind.name().eq_ignore_ascii_case(kind);
    places
        .into_iter()
        .flat_map(settled)
        .filter(matches)
        .map(|end| Place { end, choice: None })
        .collect()
}

fn only(places: Vec<Place>, kind: Kind) -> Vec<Place> {
    let narrow = |mut place: Place| {
        place.end.only = Some(kind);
        place
    };
    places.into_iter().map(narrow).collect()
}

fn filtered(places: Vec<Place>, condition: &str) -> Option<Vec<Place>> {
    let (name, text) = condition.split_once('=')?;
    let text: Box<str> = text.trim_matches('\'').into();
    let narrow = |mut place: Place| {
        if let Some(step) = place.end.path.0.last_mut() {
            step.only = Some((name.into(), text.clone()));
        }
        place
    };
    Some(places.into_iter().map(narrow).collect())
}

fn named(places: Vec<Place>, name: &str) -> Vec<Place> {
    let (name, first) = name.strip_suffix("[0]").map_or((name, false), |name| (name, true));
    places.into_iter().flat_map(settled).filter_map(|end| step(&end, name, first)).collect()
}

fn step(end: &End, name: &str, first: bool) -> Option<Place> {
    if let Some(child) = end.kind.child(name) {
        let path = with_step(&end.path, name, first);
        let set = child.element.binding().map(Binding::url);
        return Some(Place { end: End { path, kind: child.kind, set, only: None }, choice: None });
    }
    let element = end.kind.element(name).filter(|element| element.is_choice())?;
    Some(Place { end: end.clone(), choice: Some(element.name()) })
}

fn with_step(path: &Path, name: &str, first: bool) -> Path {
    let mut path = path.clone();
    path.0.push(Step { name: name.into(), only: None, first });
    path
}

/// A choice whose type nobody said is each of its types.
fn settled(place: Place) -> Vec<End> {
    let Some(choice) = place.choice else { return vec![place.end] };
    let Some(element) = place.end.kind.element(choice) else { return Vec::new() };
    let end = |(name, kind): (String, &'static Type)| End {
        path: with_step(&place.end.path, &name, false),
        kind,
        set: element.binding().map(Binding::url),
        only: None,
    };
    element.json_names().map(end).collect()
}

/// The type of resources of a kind.
pub(crate) fn root(kind: Kind) -> &'static Type {
    Definitions::r4().of_kind(kind)
}
