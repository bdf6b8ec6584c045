//! Whose a resource is: R4's patient compartment. It belongs to the crate.

use std::collections::HashMap;
use std::sync::OnceLock;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::reference::{Target, is_id};
use crate::table::{ParameterInfo, find};

const TABLE: &str = include_str!("../tables/patients.txt");

/// The ids of the patients in whose compartment a resource is, in order, none twice; of a
/// Patient its own id first, then those of the patients it is linked to.
pub fn patients(kind: Kind, id: &str, node: &Node<'_>) -> Vec<String> {
    let patient = Kind::known("Patient");
    let mut found: Vec<String> = Vec::new();
    if kind == patient {
        found.push(id.to_owned());
    }
    for info in parameters(kind) {
        for leaf in &info.leaves {
            leaf.each(node, &mut |value| {
                if let Some(Target::Here(to, id)) = Target::of_node(value)
                    && to == patient
                    && is_id(id)
                    && !found.iter().any(|own| own == id)
                {
                    found.push(id.to_owned());
                }
            });
        }
    }
    found
}

/// Whether resources of this type may be a patient's.
pub fn is_of_patients(kind: Kind) -> bool {
    kind == Kind::known("Patient") || !parameters(kind).is_empty()
}

/// The search parameters that make a resource of the type a patient's.
fn parameters(kind: Kind) -> &'static [&'static ParameterInfo] {
    static ALL: OnceLock<HashMap<Kind, Vec<&'static ParameterInfo>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(line).collect()
    });
    all.get(&kind).map_or(&[], Vec::as_slice)
}

fn line(line: &str) -> Option<(Kind, Vec<&'static ParameterInfo>)> {
    let mut words = line.split(' ');
    let kind = words.next()?.parse().ok()?;
    Some((kind, words.filter_map(|code| find(kind, code)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, text: &str) -> Vec<String> {
        patients(Kind::known(kind), "own", &Node::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn every_parameter_of_the_compartment_is_known() {
        for text in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let (kind, found) = line(text).unwrap();
            assert_eq!(found.len(), text.split(' ').count() - 1, "{kind}");
        }
        assert!(is_of_patients(Kind::known("Observation")));
        assert!(!is_of_patients(Kind::known("Organization")));
    }

    #[test]
    fn a_resource_is_its_subjects_and_no_others() {
        assert_eq!(of("Observation", r#"{"subject":{"reference":"Patient/a"}}"#), ["a"]);
        assert_eq!(
            of(
                "Observation",
                r#"{"subject":{"reference":"Patient/a/_history/2"},"performer":[{"reference":"Practitioner/p"},{"reference":"Patient/b"},{"reference":"Patient/a"}]}"#
            ),
            ["a", "b"]
        );
        for text in [
            r#"{"subject":{"reference":"Group/a"}}"#,
            r##"{"subject":{"reference":"#a"}}"##,
            r#"{"subject":{"reference":"urn:uuid:0b6fcf02-dd8c-4b5a-b1d2-2b3d3d5c1a0a"}}"#,
            r#"{"subject":{"reference":"https://elsewhere.example/Patient/a"}}"#,
            r#"{"subject":{"display":"a"}}"#,
            r#"{"subject":{"reference":"Patient/a b"}}"#,
        ] {
            assert!(of("Observation", text).is_empty(), "{text}");
        }
        assert!(of("Organization", "{}").is_empty());
    }

    #[test]
    fn a_patient_is_its_own_first() {
        let text = r#"{"link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}"#;
        assert_eq!(of("Patient", text), ["own", "b"]);
    }
}
