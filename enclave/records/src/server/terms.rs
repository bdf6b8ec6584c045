//! Value sets and hierarchies for searches with `:in`, `:not-in`, `:below` and `:above`.

use autoclave_search::Terms;
use autoclave_validate::Terminology;

/// What HL7 and US Core list.
pub(crate) struct KnownTerms;

impl Terms for KnownTerms {
    fn codes_of(&self, value_set: &str) -> Option<Vec<(String, String)>> {
        Terminology::hl7().codes_of(value_set)
    }

    fn below(&self, system: &str, code: &str) -> Option<Vec<String>> {
        Terminology::hl7().below(system, code)
    }

    fn above(&self, system: &str, code: &str) -> Option<Vec<String>> {
        Terminology::hl7().above(system, code)
    }
}
