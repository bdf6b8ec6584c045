//! A code system: its codes, what they are called, and which lies below which.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use autoclave_fhir::json::Node;

/// Codes of one system, nested or flat; more are cut off where a system is stored.
pub const CODES_MAX: usize = 200_000;
/// Levels of a stored hierarchy.
const LEVELS_MAX: usize = 32;

type Words = Cow<'static, str>;

/// A code system that is here.
pub struct System {
    /// Its canonical address.
    pub url: Words,
    /// Its version.
    pub version: Words,
    /// What it is called.
    pub name: Words,
    /// Whether all of its codes are here.
    pub is_complete: bool,
    /// Whether capital and small letters are the same.
    pub ignores_case: bool,
    /// Its codes in the author's order.
    pub concepts: Vec<Concept>,
    by_code: HashMap<Words, usize>,
}

/// One code.
pub struct Concept {
    /// The code itself.
    pub code: Words,
    /// What it is called.
    pub display: Words,
    /// What it means; our own tables do not have it.
    pub definition: Option<Words>,
    /// Whether it only groups others.
    pub is_abstract: bool,
    /// Whether it is no longer to be used.
    pub is_retired: bool,
    /// The codes right above it.
    pub parents: Vec<usize>,
}

impl System {
    /// Reads a section of our table: its first line, then its codes.
    pub(super) fn of_table(section: &'static str) -> Self {
        let mut lines = section.lines();
        let (head, name) = lines.next().and_then(|line| line.split_once('\t')).unwrap_or_default();
        let mut words = head.split(' ');
        let (url, version) =
            words.next().and_then(|address| address.split_once('|')).unwrap_or_default();
        let content = words.next().unwrap_or_default();
        let mut system = Self::new(url.into(), version.into(), name.into(), content == "complete");
        system.ignores_case = words.next().is_some();
        let mut above: Vec<usize> = Vec::new();
        let mut further = Vec::new();
        for line in lines {
            let mut fields = line.trim_start_matches(' ').split('\t');
            let depth = line.len() - line.trim_start_matches(' ').len();
            above.truncate(depth);
            let code = fields.next().unwrap_or_default();
            let display = fields.next().unwrap_or_default();
            let (marks, children) =
                fields.next().map_or(("", ""), |all| all.split_once('>').unwrap_or((all, "")));
            let at = system.push(Concept {
                code: code.into(),
                display: display.into(),
                definition: None,
                is_abstract: marks.contains('!'),
                is_retired: marks.contains('~'),
                parents: above.last().copied().into_iter().collect(),
            });
            further.push((at, children));
            above.push(at);
        }
        for (parent, children) in further {
            for child in children.split(',').filter(|child| !child.is_empty()) {
                system.adopt(child, parent);
            }
        }
        system
    }

    /// Reads a CodeSystem; `None` where it has no address.
    pub(super) fn of_node(node: &Node<'_>) -> Option<Self> {
        let text = |name: &str| node.text_of(name).unwrap_or_default().to_owned();
        let url = node.text_of("url").filter(|url| !url.is_empty())?;
        let name = node.text_of("title").or(node.text_of("name")).unwrap_or_default().to_owned();
        let is_complete = node.text_of("content") == Some("complete");
        let version = text("version").into();
        let mut system = Self::new(url.to_owned().into(), version, name.into(), is_complete);
        system.ignores_case = node.get("caseSensitive").and_then(Node::bool) == Some(false);
        let concepts = node.get("concept").map_or(&[][..], Node::items);
        let mut links = Vec::new();
        system.read(concepts, None, 0, &mut links);
        for (one, is_parent, other) in links {
            let (child, parent) = if is_parent { (one, other) } else { (other, one) };
            if let Some(parent) = system.at(&parent) {
                system.adopt(&child, parent);
            }
        }
        Some(system)
    }

    fn new(url: Words, version: Words, name: Words, is_complete: bool) -> Self {
        Self {
            url,
            version,
            name,
            is_complete,
            ignores_case: false,
            concepts: Vec::new(),
            by_code: HashMap::new(),
        }
    }

    fn read(
        &mut self,
        concepts: &[Node<'_>],
        above: Option<usize>,
        level: usize,
        links: &mut Vec<(String, bool, String)>,
    ) {
        for node in concepts {
            let Some(code) = node.text_of("code") else { continue };
            if self.concepts.len() >= CODES_MAX || level > LEVELS_MAX {
                self.is_complete = false;
                return;
            }
            let properties = node.get("property").map_or(&[][..], Node::items);
            for property in properties {
                let other = property.text_of("valueCode").unwrap_or_default().to_owned();
                match property.text_of("code") {
                    Some("parent") => links.push((code.to_owned(), true, other)),
                    Some("child") => links.push((code.to_owned(), false, other)),
                    _ => {}
                }
            }
            let at = self.push(Concept {
                code: code.to_owned().into(),
                display: node.text_of("display").unwrap_or_default().to_owned().into(),
                definition: node.text_of("definition").map(|text| text.to_owned().into()),
                is_abstract: has(properties, "notSelectable", "true")
                    || has(properties, "abstract", "true"),
                is_retired: has(properties, "status", "retired")
                    || has(properties, "status", "deprecated")
                    || has(properties, "inactive", "true"),
                parents: above.into_iter().collect(),
            });
            self.read(node.get("concept").map_or(&[][..], Node::items), Some(at), level + 1, links);
        }
    }

    fn push(&mut self, concept: Concept) -> usize {
        let at = self.concepts.len();
        let key = self.key(&concept.code).into_owned();
        let key = if key == concept.code { concept.code.clone() } else { key.into() };
        self.by_code.entry(key).or_insert(at);
        self.concepts.push(concept);
        at
    }

    fn adopt(&mut self, child: &str, parent: usize) {
        if let Some(child) = self.at(child)
            && child != parent
            && !self.concepts[child].parents.contains(&parent)
        {
            self.concepts[child].parents.push(parent);
        }
    }

    fn key<'a>(&self, code: &'a str) -> Cow<'a, str> {
        if self.ignores_case { code.to_lowercase().into() } else { code.into() }
    }

    /// The number of a code.
    pub fn at(&self, code: &str) -> Option<usize> {
        self.by_code.get(&*self.key(code)).copied()
    }

    /// The code's entry.
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.at(code).map(|at| &self.concepts[at])
    }

    /// Whether any code lies below another.
    pub fn is_hierarchical(&self) -> bool {
        self.concepts.iter().any(|concept| !concept.parents.is_empty())
    }

    /// Whether a code is another or lies below it.
    pub fn is_below(&self, code: usize, above: usize) -> bool {
        // A hierarchy that its author closed to a circle must not hold us.
        let mut seen = HashSet::from([code]);
        let mut open = vec![code];
        while let Some(one) = open.pop() {
            if one == above {
                return true;
            }
            open.extend(self.concepts[one].parents.iter().filter(|parent| seen.insert(**parent)));
        }
        false
    }
}

fn has(properties: &[Node<'_>], code: &str, value: &str) -> bool {
    properties.iter().any(|one| {
        one.text_of("code") == Some(code)
            && (one.text_of("valueCode") == Some(value)
                || one.get("valueBoolean").and_then(Node::bool) == Some(value == "true"))
    })
}
