//! The systems that codes have without saying so: those of the value set that an element's
//! codes come from. It belongs to the crate.

use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::definitions::tables::VALUE_SETS;

/// The system of R4's booleans (search.html#token).
const BOOLEANS: &str = "http://terminology.hl7.org/CodeSystem/special-values";

/// The systems that a value without one may be of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Implied {
    /// Any: nobody says where the codes come from.
    Unknown,
    /// One of these; none: the value is no code at all.
    Of(&'static [&'static str]),
}

impl Implied {
    /// Of an element's codes, by the value set's canonical address.
    pub(crate) fn by(set: &str) -> Self {
        sets().get(set).map_or(Self::Unknown, |systems| Self::Of(systems))
    }

    /// Of booleans.
    pub(crate) const BOOLEAN: Self = Self::Of(&[BOOLEANS]);
    /// Of ids, addresses and texts.
    pub(crate) const NONE: Self = Self::Of(&[]);

    /// Whether a system that is asked for may be meant.
    pub(crate) fn holds(self, system: &str) -> bool {
        match self {
            Self::Unknown => true,
            Self::Of(systems) => systems.contains(&system),
        }
    }
}

/// Value sets that name their systems themselves.
fn sets() -> &'static HashMap<&'static str, Vec<&'static str>> {
    static SETS: OnceLock<HashMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    SETS.get_or_init(|| {
        let mut all: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
        let mut set = "";
        for line in VALUE_SETS.lines() {
            let first = |rest: &'static str| rest.split('\t').next().unwrap_or(rest);
            if let Some(rest) = line.strip_prefix("= ") {
                set = first(rest).split('|').next().unwrap_or(rest);
                all.insert(set, Vec::new());
            } else if let Some(rest) = line.strip_prefix("+ ") {
                all.entry(set).or_default().push(first(rest));
            } else if line.starts_with("&+ ") {
                // Of other sets: whatever they hold.
                all.remove(set);
                set = "";
            }
        }
        all.remove("");
        all.retain(|_, systems| !systems.is_empty());
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_set_says_which_systems_its_codes_are_of() {
        let gender = Implied::by("http://hl7.org/fhir/ValueSet/administrative-gender");
        assert!(gender.holds("http://hl7.org/fhir/administrative-gender"));
        assert!(!gender.holds("http://example.org/gender"));
        let types = Implied::by("http://hl7.org/fhir/ValueSet/defined-types");
        assert!(types.holds("http://hl7.org/fhir/data-types"));
        assert!(types.holds("http://hl7.org/fhir/resource-types"));
        assert_eq!(Implied::by("http://example.org/nowhere"), Implied::Unknown);
        assert!(!Implied::NONE.holds("http://example.org"));
    }
}
