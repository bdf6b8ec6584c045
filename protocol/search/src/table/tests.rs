use std::collections::BTreeSet;

use super::*;

fn shared(kind: &str, code: &str) -> Vec<(String, Only)> {
    let kind = Kind::known(kind);
    let name = |part: &Part| {
        let number = part.numbers.plain;
        (numbered(kind, number).unwrap().code.to_owned(), part.only.clone())
    };
    find(kind, code).unwrap().parts.iter().map(name).collect()
}

fn all(names: &[&str]) -> Vec<(String, Only)> {
    names.iter().map(|name| ((*name).to_owned(), Only::All)).collect()
}

#[test]
fn every_parameter_of_the_table_compiles_or_is_named_here() {
    let mut left_out = BTreeSet::new();
    for kind in Kind::all() {
        for line in compile::lines_of(kind) {
            if find(kind, line.code).is_none() {
                left_out.insert(format!("{kind}.{} {}", line.code, line.kind));
            }
        }
    }
    let named: BTreeSet<String> = ["Location.near special"].map(str::to_owned).into();
    assert_eq!(left_out, named);
}

#[test]
fn every_line_of_the_table_is_of_a_type_of_resource() {
    for base in compile::lines().keys() {
        let is_kind = base.parse::<Kind>().is_ok();
        assert!(is_kind || matches!(*base, "Resource" | "DomainResource"), "{base}");
    }
}

#[test]
fn no_two_parameters_of_a_type_share_a_number() {
    for kind in Kind::all() {
        let mut seen = BTreeSet::new();
        for info in parameters(kind) {
            let Numbers { plain, exact, identifier, of_type, below } = info.numbers;
            for number in [plain, exact, identifier, of_type, below] {
                assert!(seen.insert(number), "{kind}.{}", info.code);
            }
        }
    }
}

#[test]
fn every_parameter_can_be_found_somewhere() {
    for kind in Kind::all() {
        for info in parameters(kind).filter(|info| !matches!(info.code, "_id" | "_lastUpdated")) {
            let is_whole = info.kind == ParameterType::Composite
                && info.leaves.iter().all(|leaf| leaf.path.0.is_empty());
            assert!(is_whole || !info.parts.is_empty(), "{kind}.{}", info.code);
        }
    }
}

#[test]
fn rows_are_shared_where_parameters_speak_of_the_same() {
    let patient = Only::Kind(Kind::known("Patient"));
    assert_eq!(shared("Observation", "patient"), [("subject".to_owned(), patient.clone())]);
    assert_eq!(shared("Encounter", "patient"), [("subject".to_owned(), patient)]);
    let mut combo = shared("Observation", "combo-code");
    combo.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(combo, all(&["code", "component-code"]));
    let phone = Only::System("phone".into());
    assert_eq!(shared("Patient", "phone"), [("telecom".to_owned(), phone)]);
    assert_eq!(shared("Patient", "family"), all(&["family"]));
    let mut name: Vec<String> = shared("Patient", "name").into_iter().map(|one| one.0).collect();
    name.sort();
    assert_eq!(name, ["family", "given", "name"]);
    assert_eq!(shared("AllergyIntolerance", "patient"), all(&["patient"]));
}

#[test]
fn us_core_parameters_are_there() {
    for (kind, code) in [
        ("Patient", "race"),
        ("Patient", "ethnicity"),
        ("Patient", "gender-identity"),
        ("CareTeam", "role"),
        ("Condition", "asserted-date"),
        ("Encounter", "discharge-disposition"),
        ("Goal", "description"),
    ] {
        assert!(find(Kind::known(kind), code).is_some(), "{kind}.{code}");
    }
}
