//! A value set as it is composed, and what belongs to it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use autoclave_fhir::json::Node;
use regex::Regex;

use super::system::{Concept, System};
use super::{Terminology, Unlisted};

/// Value sets that refer to each other, one below the other.
const LEVELS_MAX: usize = 16;
/// Codes of one expansion.
pub const EXPANSION_MAX: usize = 50_000;

type Words = Cow<'static, str>;

/// A value set that is here.
pub struct Set {
    /// Its canonical address.
    pub url: Words,
    /// Its version.
    pub version: Words,
    /// What it is called.
    pub name: Words,
    rules: Vec<Rule>,
}

/// One include or exclude.
struct Rule {
    is_exclude: bool,
    system: Option<Words>,
    codes: Vec<(Words, Words)>,
    filters: Vec<Filter>,
    sets: Vec<Words>,
}

struct Filter {
    property: Words,
    op: Words,
    value: Words,
    /// The value as a regular expression for the whole code, made when it is first needed.
    regex: OnceLock<Option<Regex>>,
}

/// A code of an expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its system.
    pub system: Words,
    /// The code.
    pub code: Words,
    /// What it is called; empty where nobody says.
    pub display: Words,
    /// Whether it only groups others.
    pub is_abstract: bool,
    /// Whether it is no longer to be used.
    pub is_retired: bool,
}

/// Whether a code is of a value set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    In,
    /// It is not.
    Out,
    /// Nobody here has the system's codes.
    Unknown,
}

impl Set {
    /// Reads a section of our table.
    pub(super) fn of_table(section: &'static str) -> Self {
        let mut lines = section.lines();
        let (head, name) = lines.next().and_then(|line| line.split_once('\t')).unwrap_or_default();
        let (url, version) = head.split_once('|').unwrap_or_default();
        let mut rules: Vec<Rule> = Vec::new();
        for line in lines {
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            match mark {
                "+" | "-" => rules.push(Rule::of_line(mark == "-", rest)),
                "&+" | "&-" => rules.push(Rule {
                    sets: rest.split('\t').map(Cow::Borrowed).collect(),
                    ..Rule::new(mark == "&-")
                }),
                _ => {
                    let (code, display) = line.split_once('\t').unwrap_or((line, ""));
                    if let Some(rule) = rules.last_mut() {
                        rule.codes.push((code.into(), display.into()));
                    }
                }
            }
        }
        Self { url: url.into(), version: version.into(), name: name.into(), rules }
    }

    /// Reads a ValueSet; one that has only an expansion is what that lists.
    pub(super) fn of_node(node: &Node<'_>) -> Self {
        let text = |name: &str| Words::Owned(node.text_of(name).unwrap_or_default().to_owned());
        let each = |name: &str| node.at(&["compose", name]).map_or(&[][..], Node::items);
        let mut rules: Vec<Rule> =
            each("include").iter().map(|one| Rule::of_node(false, one)).collect();
        rules.extend(each("exclude").iter().map(|one| Rule::of_node(true, one)));
        if node.get("compose").is_none() {
            listed(node.at(&["expansion", "contains"]), 0, &mut rules);
        }
        let name = if node.get("title").is_some() { text("title") } else { text("name") };
        Self { url: text("url"), version: text("version"), name, rules }
    }

    /// Whether a code is in it.
    pub(super) fn holds(
        &self,
        here: &Terminology,
        system: Option<&str>,
        code: &str,
        level: usize,
    ) -> Membership {
        if level > LEVELS_MAX {
            return Membership::Unknown;
        }
        let any = |is_exclude: bool| {
            let rules = self.rules.iter().filter(|rule| rule.is_exclude == is_exclude);
            or(rules.map(|rule| rule.holds(here, system, code, level)))
        };
        match (any(false), any(true)) {
            (Membership::Out, _) | (_, Membership::In) => Membership::Out,
            (Membership::In, Membership::Out) => Membership::In,
            _ => Membership::Unknown,
        }
    }

    /// All its codes.
    pub(super) fn members(
        &self,
        here: &Terminology,
        level: usize,
    ) -> Result<Vec<Member>, Unlisted> {
        if level > LEVELS_MAX {
            return Err(Unlisted { url: self.url.to_string() });
        }
        let mut out: Vec<Member> = Vec::new();
        for rule in self.rules.iter().filter(|rule| !rule.is_exclude) {
            rule.list(here, level, &mut out)?;
            if out.len() > EXPANSION_MAX {
                return Err(Unlisted { url: self.url.to_string() });
            }
        }
        let mut seen = HashSet::new();
        out.retain(|one| seen.insert((one.system.clone(), one.code.clone())));
        for rule in self.rules.iter().filter(|rule| rule.is_exclude) {
            out.retain(|one| {
                rule.holds(here, Some(&one.system), &one.code, level) != Membership::In
            });
        }
        Ok(out)
    }
}

fn listed(contains: Option<&Node<'_>>, level: usize, rules: &mut Vec<Rule>) {
    for one in contains.map_or(&[][..], Node::items) {
        let text = |name: &str| one.text_of(name).map(|text| Words::Owned(text.to_owned()));
        if let (Some(system), Some(code)) = (text("system"), text("code")) {
            rules.push(Rule {
                system: Some(system),
                codes: vec![(code, text("display").unwrap_or_default())],
                ..Rule::new(false)
            });
        }
        if level < LEVELS_MAX {
            listed(one.get("contains"), level + 1, rules);
        }
    }
}

fn or(all: impl Iterator<Item = Membership>) -> Membership {
    let mut found = Membership::Out;
    for one in all {
        match one {
            Membership::In => return Membership::In,
            Membership::Unknown => found = Membership::Unknown,
            Membership::Out => {}
        }
    }
    found
}

impl Rule {
    const fn new(is_exclude: bool) -> Self {
        Self { is_exclude, system: None, codes: Vec::new(), filters: Vec::new(), sets: Vec::new() }
    }

    fn of_line(is_exclude: bool, rest: &'static str) -> Self {
        let mut fields = rest.split('\t');
        let system = fields.next().map(Cow::Borrowed);
        let mut filters = Vec::new();
        while let (Some(property), Some(op), Some(value)) =
            (fields.next(), fields.next(), fields.next())
        {
            filters.push(Filter::new(property.into(), op.into(), value.into()));
        }
        Self { system, filters, ..Self::new(is_exclude) }
    }

    fn of_node(is_exclude: bool, node: &Node<'_>) -> Self {
        let words = |node: &Node<'_>, name: &str| {
            Words::Owned(node.text_of(name).unwrap_or_default().to_owned())
        };
        let items = |name: &str| node.get(name).map_or(&[][..], Node::items);
        let filter = |one: &Node<'_>| {
            Filter::new(words(one, "property"), words(one, "op"), words(one, "value"))
        };
        Self {
            is_exclude,
            system: node.text_of("system").map(|system| system.to_owned().into()),
            codes: items("concept")
                .iter()
                .map(|one| (words(one, "code"), words(one, "display")))
                .collect(),
            filters: items("filter").iter().map(filter).collect(),
            sets: items("valueSet")
                .iter()
                .filter_map(Node::text)
                .map(|url| url.to_owned().into())
                .collect(),
        }
    }

    fn holds(
        &self,
        here: &Terminology,
        system: Option<&str>,
        code: &str,
        level: usize,
    ) -> Membership {
        let mut found = self.system.as_deref().map_or(Membership::In, |own| {
            if system.is_some_and(|system| system != own) {
                return Membership::Out;
            }
            self.in_system(here, own, code)
        });
        for url in &self.sets {
            let one = match here.set(url) {
                Some(set) => set.holds(here, system, code, level + 1),
                None => Membership::Unknown,
            };
            found = match (found, one) {
                (Membership::Out, _) | (_, Membership::Out) => Membership::Out,
                (Membership::In, Membership::In) => Membership::In,
                _ => Membership::Unknown,
            };
        }
        if self.system.is_none() && self.sets.is_empty() { Membership::Out } else { found }
    }

    fn in_system(&self, here: &Terminology, url: &str, code: &str) -> Membership {
        let system = here.system(url);
        if !self.codes.is_empty() {
            let ignores_case = system.is_some_and(|system| system.ignores_case);
            let same = |own: &str| own == code || ignores_case && own.eq_ignore_ascii_case(code);
            let found = self.codes.iter().any(|(own, _)| same(own));
            return if found { Membership::In } else { Membership::Out };
        }
        let Some(system) = system else { return Membership::Unknown };
        let Some(at) = system.at(code) else {
            return if system.is_complete { Membership::Out } else { Membership::Unknown };
        };
        let fits = self.filters.iter().map(|filter| filter.fits(system, at));
        let mut found = Membership::In;
        for one in fits {
            match one {
                Some(true) => {}
                Some(false) => return Membership::Out,
                None => found = Membership::Unknown,
            }
        }
        found
    }

    fn list(
        &self,
        here: &Terminology,
        level: usize,
        out: &mut Vec<Member>,
    ) -> Result<(), Unlisted> {
        let mut own = match &self.system {
            Some(url) => self.list_system(here, url)?,
            None => Vec::new(),
        };
        for (at, url) in self.sets.iter().enumerate() {
            let unlisted = || Unlisted { url: url.to_string() };
            let set = here.set(url).ok_or_else(unlisted)?;
            if at == 0 && self.system.is_none() {
                own = set.members(here, level + 1)?;
            } else {
                own.retain(|one| {
                    set.holds(here, Some(&one.system), &one.code, level + 1) == Membership::In
                });
            }
        }
        out.append(&mut own);
        Ok(())
    }

    fn list_system(&self, here: &Terminology, url: &Words) -> Result<Vec<Member>, Unlisted> {
        let system = here.system(url);
        if !self.codes.is_empty() {
            let member = |(code, display): &(Words, Words)| {
                member(url, code, display, system.and_then(|system| system.concept(code)))
            };
            return Ok(self.codes.iter().map(member).collect());
        }
        let unlisted = || Unlisted { url: url.to_string() };
        let system = system.filter(|system| system.is_complete).ok_or_else(unlisted)?;
        let mut out = Vec::new();
        for (at, concept) in system.concepts.iter().enumerate() {
            let mut fits = true;
            for filter in &self.filters {
                fits = fits && filter.fits(system, at).ok_or_else(unlisted)?;
            }
            if fits {
                out.push(member(url, &concept.code, &concept.display, Some(concept)));
            }
        }
        Ok(out)
    }
}

fn member(system: &Words, code: &Words, display: &Words, concept: Option<&Concept>) -> Member {
    let display = match (display.is_empty(), concept) {
        (true, Some(concept)) => concept.display.clone(),
        _ => display.clone(),
    };
    Member {
        system: system.clone(),
        code: code.clone(),
        display,
        is_abstract: concept.is_some_and(|concept| concept.is_abstract),
        is_retired: concept.is_some_and(|concept| concept.is_retired),
    }
}

impl Filter {
    const fn new(property: Words, op: Words, value: Words) -> Self {
        Self { property, op, value, regex: OnceLock::new() }
    }

    /// Whether a code passes; `None` where we do not keep what it asks for.
    fn fits(&self, system: &System, at: usize) -> Option<bool> {
        let concept = &system.concepts[at];
        let value = &*self.value;
        let below = |above: &str| system.at(above).map(|above| system.is_below(at, above));
        let listed = || value.split(',').map(str::trim).any(|one| one == concept.code);
        match (&*self.property, &*self.op) {
            ("concept" | "code", "is-a") => Some(below(value).unwrap_or(false)),
            ("concept" | "code", "descendent-of") => {
                Some(below(value).unwrap_or(false) && system.at(value) != Some(at))
            }
            ("concept" | "code", "is-not-a") => Some(!below(value).unwrap_or(false)),
            ("concept" | "code", "generalizes") => {
                Some(system.at(value).is_some_and(|low| system.is_below(low, at)))
            }
            ("concept" | "code", "in") => Some(listed()),
            ("concept" | "code", "not-in") => Some(!listed()),
            ("concept" | "code", "=") => Some(concept.code == value),
            ("display", "=") => Some(concept.display == value),
            ("code" | "concept", "regex") => {
                let whole = || Regex::new(&format!("^(?:{value})$")).ok();
                Some(self.regex.get_or_init(whole).as_ref()?.is_match(&concept.code))
            }
            ("parent", "=") => {
                Some(system.at(value).is_some_and(|above| concept.parents.contains(&above)))
            }
            _ => None,
        }
    }
}
