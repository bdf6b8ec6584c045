//! By what opened resources are ordered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shelf;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{SortKey, sort_value};
use shelf::Shelf;

/// The ids of texts in the order that a parameter gives them.
fn sorted(kind: &str, code: &str, texts: &[&str]) -> Vec<String> {
    let query = Shelf::new().understand(kind, &format!("_sort={code}")).unwrap();
    let SortKey::Opened(parameter) = query.sort[0].key else { panic!("{code} is not opened") };
    let mut keyed: Vec<(bool, Option<String>, String)> = texts
        .iter()
        .map(|text| {
            let node = Node::parse(text.as_bytes()).unwrap();
            let value = sort_value(parameter, Kind::known(kind), &node);
            (value.is_none(), value, node.text_of("id").unwrap().to_owned())
        })
        .collect();
    keyed.sort();
    keyed.into_iter().map(|(_, _, id)| id).collect()
}

#[test]
fn names_are_ordered_as_they_are_compared_and_who_has_none_is_last() {
    let patients = [
        r#"{"id":"none"}"#,
        r#"{"id":"zoe","name":[{"family":"zander"}]}"#,
        r#"{"id":"oe","name":[{"family":"Özil"},{"family":"Yilmaz"}]}"#,
        r#"{"id":"ab","name":[{"family":"ABEL"}]}"#,
    ];
    assert_eq!(sorted("Patient", "family", &patients), ["ab", "oe", "zoe", "none"]);
}

#[test]
fn codes_references_and_quantities_of_several_places_are_ordered() {
    let observations = [
        r#"{"id":"b","status":"final","subject":{"reference":"Patient/2"},"valueQuantity":{"value":-3}}"#,
        r#"{"id":"a","status":"amended","subject":{"reference":"Patient/1"},"component":[{"valueQuantity":{"value":-20}}]}"#,
        r#"{"id":"c","status":"preliminary","subject":{"reference":"Patient/3"},"valueQuantity":{"value":10}}"#,
    ];
    for code in ["status", "subject", "patient", "combo-value-quantity", "_id"] {
        assert_eq!(sorted("Observation", code, &observations), ["a", "b", "c"], "{code}");
    }
}
