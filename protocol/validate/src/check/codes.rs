//! The codes of required bindings, each value set listed once and kept.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{Binding, Strength};

use crate::Terminology;

/// The codes of a value set, each with its systems.
pub(crate) struct CodeSet(HashMap<Cow<'static, str>, Vec<Cow<'static, str>>>);

type Sets = HashMap<&'static str, OnceLock<Option<CodeSet>>>;

impl CodeSet {
    /// Whether any system of the set has the code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.0.contains_key(code)
    }

    /// Whether the set has the code of that system.
    pub(super) fn has(&self, system: Option<&str>, code: &str) -> bool {
        let systems = self.0.get(code).map_or(&[][..], Vec::as_slice);
        systems.iter().any(|own| Some(&**own) == system)
    }

    fn list(set: &'static str) -> Option<Self> {
        let url = Binding { strength: Strength::Required, set }.url();
        let members = Terminology::hl7().members(&url).ok()?;
        let mut codes: HashMap<_, Vec<_>> = HashMap::new();
        for member in members {
            codes.entry(member.code).or_default().push(member.system);
        }
        Some(Self(codes))
    }
}

/// The codes of a required binding of the types; `None` where nobody lists them.
pub(super) fn required(set: &'static str) -> Option<&'static CodeSet> {
    static SETS: OnceLock<Sets> = OnceLock::new();
    let sets = SETS.get_or_init(|| {
        let types = Definitions::r4().types();
        types
            .flat_map(|kind| kind.elements().filter_map(|element| element.binding()))
            .filter(|binding| binding.strength == Strength::Required)
            .map(|binding| (binding.set, OnceLock::new()))
            .collect()
    });
    sets.get(set)?.get_or_init(|| CodeSet::list(set)).as_ref()
}
