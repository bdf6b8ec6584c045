//! Profiles: what a StructureDefinition asks beyond the types of R4. US Core's and all
//! extensions of R4 are part of the program; a server adds those that it has stored. It belongs
//! to the crate.

mod read;
mod stored;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::definitions::Strength;
use autoclave_fhir::json::Node;

pub use stored::ProfileRefusal;

/// Text of the tables, or of a stored resource.
pub(crate) type Words = Cow<'static, str>;

/// A profile.
pub struct Profile {
    /// Its canonical address.
    pub url: Words,
    /// Its version.
    pub version: Words,
    /// The type that it is of.
    pub kind: Words,
    /// Of an extension, where it may stand: paths of elements or names of types.
    pub contexts: Vec<Words>,
    /// Of an extension, whether it changes the meaning of what it stands in.
    pub is_modifier: bool,
    /// The profile that it is made of, where that is none of the types.
    pub(crate) base: Option<Words>,
    pub(crate) root: Spec,
}

/// What is asked of one element, or of one slice of it.
#[derive(Default)]
pub(crate) struct Spec {
    /// The element's name, without `[x]`.
    pub(crate) name: Words,
    /// The slice's name.
    pub(crate) slice: Option<Words>,
    /// How often at least and at most, where it is said.
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    /// The types, where they are fewer.
    pub(crate) types: Vec<TypeSpec>,
    pub(crate) is_must_support: bool,
    pub(crate) binding: Option<(Strength, Words)>,
    /// The value set that no code may leave, however weak the binding.
    pub(crate) maximal: Option<Words>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) value: Option<Value>,
    pub(crate) children: Vec<Spec>,
    pub(crate) slices: Vec<Spec>,
}

/// A type that an element may have.
pub(crate) struct TypeSpec {
    pub(crate) code: Words,
    /// What it must conform to: address or its last part.
    pub(crate) profile: Option<Words>,
    /// Of a reference, the types or profiles that it leads to.
    pub(crate) targets: Vec<Words>,
}

/// How slices are told apart.
pub(crate) struct Slicing {
    pub(crate) is_closed: bool,
    pub(crate) by: Vec<Discriminator>,
}

/// One way to tell slices apart.
pub(crate) struct Discriminator {
    pub(crate) how: How,
    pub(crate) path: Words,
}

/// What of an element tells slices apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Its value, fixed or of a pattern or value set.
    Value,
    /// Whether it is there.
    Exists,
    /// Its type.
    Type,
    /// What it conforms to.
    Profile,
}

/// A rule of a profile.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) key: Words,
    pub(crate) is_error: bool,
    pub(crate) expression: Words,
    pub(crate) words: Words,
}

/// The value that is asked for.
pub(crate) struct Value {
    /// Exactly this, or at least this.
    pub(crate) is_fixed: bool,
    pub(crate) node: Node<'static>,
}

impl Spec {
    /// What is asked of an element below.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element that an id leads to, made where it is not there yet: `name`,
    /// `component:systolic.value[x]`, …; an empty id is this one.
    fn reach(&mut self, id: &str) -> &mut Self {
        let mut spec = self;
        for part in id.split('.').filter(|part| !part.is_empty()) {
            let (name, slice) = part.split_once(':').map_or((part, None), |(a, b)| (a, Some(b)));
            let name = name.trim_end_matches("[x]");
            spec = find(
                &mut spec.children,
                |one| one.name == name,
                || Self { name: name.to_owned().into(), ..Self::default() },
            );
            if let Some(slice) = slice {
                spec = find(
                    &mut spec.slices,
                    |one| one.slice.as_deref() == Some(slice),
                    || Self {
                        name: name.to_owned().into(),
                        slice: Some(slice.to_owned().into()),
                        ..Self::default()
                    },
                );
            }
        }
        spec
    }
}

fn find(all: &mut Vec<Spec>, is: impl Fn(&Spec) -> bool, make: impl Fn() -> Spec) -> &mut Spec {
    let at = all.iter().position(is).unwrap_or(all.len());
    if at == all.len() {
        all.push(make());
    }
    &mut all[at]
}

/// All profiles that are here.
#[derive(Default)]
pub struct Profiles {
    stored: HashMap<String, Profile>,
}

/// The tables' profiles by address and by the last part of it.
struct Tables {
    all: Vec<Profile>,
    by_name: HashMap<&'static str, usize>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let all = read::table(autoclave_fhir::definitions::tables::PROFILES);
        let mut by_name = HashMap::new();
        for (at, profile) in all.iter().enumerate() {
            if let Cow::Borrowed(url) = profile.url {
                by_name.insert(url, at);
                by_name.entry(url.rsplit('/').next().unwrap_or(url)).or_insert(at);
            }
        }
        Tables { all, by_name }
    })
}

impl Profiles {
    /// Those of US Core, and the extensions of R4.
    pub fn hl7() -> &'static Self {
        static HL7: OnceLock<Profiles> = OnceLock::new();
        HL7.get_or_init(Self::default)
    }

    /// Adds a StructureDefinition that a server has stored; it replaces what had its address.
    pub fn add(&mut self, node: &Node<'_>) -> Result<(), ProfileRefusal> {
        let profile = stored::profile(node)?;
        self.stored.insert(profile.url.to_string(), profile);
        Ok(())
    }

    /// The profile of that address, with or without `|version`.
    pub fn get(&self, url: &str) -> Option<&Profile> {
        let url = url.split('|').next().unwrap_or(url);
        self.stored.get(url).or_else(|| {
            let tables = tables();
            tables.by_name.get(url).map(|at| &tables.all[*at])
        })
    }

    /// The addresses of the profiles of a type, ours and the stored.
    pub fn of_kind(&self, kind: &str) -> Vec<&str> {
        let ours = tables().all.iter();
        let mut urls: Vec<&str> = ours
            .chain(self.stored.values())
            .filter(|profile| profile.kind == kind)
            .map(|profile| &*profile.url)
            .collect();
        urls.sort_unstable();
        urls.dedup();
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_of_the_tables_reads() {
        let tables = tables();
        assert!(tables.all.len() > 440, "{}", tables.all.len());
        for profile in &tables.all {
            assert!(
                autoclave_fhir::Definitions::r4().of(&profile.kind).is_some(),
                "{}",
                profile.url
            );
        }
        let us_core = "http://hl7.org/fhir/us/core/StructureDefinition/";
        assert_eq!(
            Profiles::hl7().of_kind("Patient"),
            [format!("{us_core}us-core-patient")],
            "US Core's is the only one"
        );
        let pressure =
            Profiles::hl7().get(&format!("{us_core}us-core-blood-pressure|6.1.0")).unwrap();
        let component = pressure.root.child("component").unwrap();
        assert_eq!((component.min, component.slices.len()), (Some(2), 2));
        let systolic = &component.slices[0];
        assert_eq!(systolic.slice.as_deref(), Some("systolic"));
        let unit = systolic.child("value").unwrap().child("code").unwrap();
        assert!(unit.value.as_ref().is_some_and(|value| value.is_fixed));
        assert!(component.slicing.as_ref().is_some_and(|slicing| !slicing.is_closed));
        let race = Profiles::hl7().get(&format!("{us_core}us-core-race")).unwrap();
        assert!(race.contexts.contains(&"Patient".into()));
        assert!(Profiles::hl7().get("urn:nothing").is_none());
    }
}
