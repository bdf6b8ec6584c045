//! From a line of the table to a parameter.

use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::Kind;

use super::{Numbers, ParameterInfo, ParameterType, share};
use crate::leaf::{Component, Leaf, LeafKind};
use crate::path::{Path, ends, root};

const TABLE: &str = include_str!("../../tables/parameters.txt");
/// What most definitions' addresses begin with.
const BASE: &str = "http://hl7.org/fhir/SearchParameter/";
/// Parameters of every resource that need the whole text of it, or name a stored query: they
/// are refused by name.
pub(crate) const UNSERVED: [&str; 3] = ["_content", "_query", "_text"];

/// A line of the table.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) code: &'static str,
    pub(super) kind: &'static str,
    targets: &'static str,
    url: &'static str,
    expression: &'static str,
    components: &'static str,
}

/// All lines by the type that they are of.
pub(super) fn lines() -> &'static HashMap<&'static str, Vec<Line>> {
    static LINES: OnceLock<HashMap<&'static str, Vec<Line>>> = OnceLock::new();
    LINES.get_or_init(|| {
        let mut all: HashMap<&'static str, Vec<Line>> = HashMap::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split('\t');
            let mut next = || fields.next().unwrap_or("");
            let (base, code, kind, targets, url, expression, components) =
                (next(), next(), next(), next(), next(), next(), next());
            let line = Line { code, kind, targets, url, expression, components };
            all.entry(base).or_default().push(line);
        }
        all
    })
}

/// The lines that speak of a type, `_tag` and the like among them.
pub(super) fn lines_of(kind: Kind) -> Vec<Line> {
    let of = |name: &str| lines().get(name).map_or(&[][..], Vec::as_slice).iter().copied();
    let mut all: Vec<Line> = of(kind.name()).chain(of("Resource")).collect();
    all.retain(|line| !UNSERVED.contains(&line.code));
    all.sort_by_key(|line| line.code);
    all
}

/// The parameters of a type, sorted. What cannot be searched is left out; a test names it.
pub(super) fn kind(kind: Kind) -> Vec<ParameterInfo> {
    let mut all: Vec<ParameterInfo> =
        lines_of(kind).iter().filter_map(|line| parameter(kind, line)).collect();
    share::rows(&mut all);
    all
}

/// One parameter; none where its expression leads to nothing that its type can search.
pub(super) fn parameter(kind: Kind, line: &Line) -> Option<ParameterInfo> {
    let searched = ParameterType::of(line.kind)?;
    let leaves = match searched {
        ParameterType::Special => return None,
        ParameterType::Composite => tuples(kind, line)?,
        _ => leaves(kind, line, searched)?,
    };
    let targets = match line.targets {
        "*" => Vec::new(),
        targets => targets.split(',').filter_map(|name| name.parse().ok()).collect(),
    };
    let url =
        if line.url.contains("://") { line.url.to_owned() } else { format!("{BASE}{}", line.url) };
    let numbers = Numbers::of(kind, line.code);
    let stored = leaves.clone();
    Some(ParameterInfo {
        of: kind,
        code: line.code,
        kind: searched,
        url,
        targets,
        leaves,
        stored,
        numbers,
        parts: Vec::new(),
    })
}

fn leaves(kind: Kind, line: &Line, searched: ParameterType) -> Option<Vec<Leaf>> {
    // The one expression that is a condition: whether somebody is dead.
    if line.code == "deceased" && line.expression.contains(".exists() and ") {
        let member = |name| Leaf { path: Path::default().with(&[name]), kind: LeafKind::Deceased };
        return Some(vec![member("deceasedBoolean"), member("deceasedDateTime")]);
    }
    let is_phonetic = line.code == "phonetic";
    let ends = ends(line.expression, root(kind))?;
    let leaves: Vec<Leaf> =
        ends.into_iter().flat_map(|end| Leaf::of(end, searched, is_phonetic)).collect();
    (!leaves.is_empty()).then_some(leaves)
}

/// A composite: for each element that its expression leads to, what belongs together there.
fn tuples(kind: Kind, line: &Line) -> Option<Vec<Leaf>> {
    let mut leaves = Vec::new();
    for element in ends(line.expression, root(kind))? {
        let component = |text: &'static str| component(kind, &element, text);
        let components: Option<Vec<Component>> =
            line.components.split("; ").map(component).collect();
        leaves.push(Leaf { path: element.path.clone(), kind: LeafKind::Tuple(components?) });
    }
    Some(leaves)
}

fn component(kind: Kind, element: &crate::path::End, text: &'static str) -> Option<Component> {
    let (definition, expression) = text.split_once(" = ")?;
    let kind_of = |line: &&Line| line.url == definition;
    let line = lines_of(kind).into_iter().find(|line| kind_of(&line))?;
    let (of_resource, from) = match expression.strip_prefix("%resource.") {
        Some(rest) => (true, ends(rest, root(kind))?),
        None => (false, ends(expression, element.kind)?),
    };
    // R4 names the two components of DocumentReference.relationship the wrong way round: what
    // stands there decides.
    let types = [ParameterType::of(line.kind)?, ParameterType::Token, ParameterType::Reference];
    types.into_iter().find_map(|searched| {
        let leaves: Vec<Leaf> =
            from.iter().flat_map(|end| Leaf::of(end.clone(), searched, false)).collect();
        (!leaves.is_empty()).then_some(Component { kind: searched, leaves, of_resource })
    })
}
