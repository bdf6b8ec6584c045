//! Code systems and value sets: those that HL7 publishes with FHIR, which are part of the
//! program, and those that a server has stored. It belongs to no party. What nobody here lists
//! (LOINC, SNOMED CT) is said to be so, and never guessed.

mod operations;
pub mod set;
pub mod system;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::definitions::tables;
use autoclave_fhir::json::Node;

pub use operations::{Asked, Expand, PAGE_MAX, TerminologyRefusal};
pub use set::{Member, Membership, Set};
pub use system::{Concept, System};

/// Something that is named, and whose codes nobody here has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the codes of a code system or value set are not here")]
pub struct Unlisted {
    /// Its address, from a definition.
    pub url: String,
}

/// Sections of a table by address, each read when it is first asked for.
struct Index<T>(HashMap<&'static str, (&'static str, OnceLock<T>)>);

impl<T> Index<T> {
    fn of(texts: &[&'static str]) -> Self {
        let mut sections = HashMap::new();
        for text in texts {
            for section in text.split("\n= ").skip(1) {
                let url = section.split(['|', '\n']).next().unwrap_or_default();
                sections.insert(url, (section, OnceLock::new()));
            }
        }
        Self(sections)
    }

    fn get(&self, url: &str, read: fn(&'static str) -> T) -> Option<&T> {
        self.0.get(url).map(|(text, made)| made.get_or_init(|| read(text)))
    }
}

fn systems() -> &'static Index<System> {
    static SYSTEMS: OnceLock<Index<System>> = OnceLock::new();
    SYSTEMS.get_or_init(|| Index::of(&[tables::CODE_SYSTEMS]))
}

fn sets() -> &'static Index<Set> {
    static SETS: OnceLock<Index<Set>> = OnceLock::new();
    SETS.get_or_init(|| Index::of(&[tables::VALUE_SETS, tables::VALUE_SETS_VSAC]))
}

/// All terminology that is here.
#[derive(Default)]
pub struct Terminology {
    systems: HashMap<String, System>,
    sets: HashMap<String, Set>,
}

impl Terminology {
    /// What HL7 publishes with FHIR R4 and US Core, and nothing else.
    pub fn hl7() -> &'static Self {
        static HL7: OnceLock<Terminology> = OnceLock::new();
        HL7.get_or_init(Self::default)
    }

    /// Adds a CodeSystem or ValueSet that a server has stored; it replaces what had its address.
    /// `false`: it is neither, or has no address.
    pub fn add(&mut self, node: &Node<'_>) -> bool {
        match node.text_of("resourceType") {
            Some("CodeSystem") if node.text_of("content") != Some("supplement") => {
                let system = System::of_node(node);
                let is_one = system.is_some();
                self.systems.extend(system.map(|system| (system.url.to_string(), system)));
                is_one
            }
            Some("ValueSet") if node.text_of("url").is_some() => {
                let set = Set::of_node(node);
                self.sets.insert(set.url.to_string(), set);
                true
            }
            _ => false,
        }
    }

    /// The code system of that address, with or without `|version`.
    pub fn system(&self, url: &str) -> Option<&System> {
        let url = url.split('|').next().unwrap_or(url);
        self.systems.get(url).or_else(|| systems().get(url, System::of_table))
    }

    /// The value set of that address, with or without `|version`.
    pub fn set(&self, url: &str) -> Option<&Set> {
        let url = url.split('|').next().unwrap_or(url);
        self.sets.get(url).or_else(|| sets().get(url, Set::of_table))
    }

    /// Whether a code is of a value set; of any system where none is said.
    pub fn holds(&self, set: &str, system: Option<&str>, code: &str) -> Membership {
        self.set(set).map_or(Membership::Unknown, |set| set.holds(self, system, code, 0))
    }

    /// All codes of a value set.
    pub fn members(&self, set: &str) -> Result<Vec<Member>, Unlisted> {
        let set = self.set(set).ok_or_else(|| Unlisted { url: set.to_owned() })?;
        set.members(self, 0)
    }

    /// All codes of a value set by system, for searches `:in` and `:not-in`.
    pub fn codes_of(&self, set: &str) -> Option<Vec<(String, String)>> {
        let members = self.members(set).ok()?;
        Some(members.into_iter().map(|one| (one.system.into(), one.code.into())).collect())
    }

    /// A code with all below it, for searches `:below`; `None` where the system is not here.
    pub fn below(&self, system: &str, code: &str) -> Option<Vec<String>> {
        let system = self.system(system)?;
        let above = system.at(code)?;
        let all = system.concepts.iter().enumerate();
        Some(
            all.filter(|(at, _)| system.is_below(*at, above))
                .map(|(_, concept)| concept.code.to_string())
                .collect(),
        )
    }

    /// A code with all above it, for searches `:above`; `None` where the system is not here.
    pub fn above(&self, system: &str, code: &str) -> Option<Vec<String>> {
        let system = self.system(system)?;
        let below = system.at(code)?;
        let all = system.concepts.iter().enumerate();
        Some(
            all.filter(|(at, _)| system.is_below(below, *at))
                .map(|(_, concept)| concept.code.to_string())
                .collect(),
        )
    }
}
