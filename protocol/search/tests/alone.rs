//! One opened resource decided on without a store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shelf;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use shelf::Shelf;

const LAB: &str = r#"{"resourceType":"Observation","id":"1","meta":{"lastUpdated":"2026-01-02T03:04:05.678Z"},"status":"final",
  "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}]}],
  "subject":{"reference":"Patient/p"},"valueQuantity":{"value":7.1}}"#;

fn means(query: &str) -> Option<bool> {
    let shelf = Shelf::new();
    let query = shelf.understand("Observation", query).unwrap();
    query.means(
        Kind::known("Observation"),
        "1",
        &Node::parse(LAB.as_bytes()).unwrap(),
        &shelf.blind,
    )
}

#[test]
fn a_resource_alone_says_whether_it_is_meant() {
    for (query, is) in [
        ("", true),
        ("category=laboratory", true),
        ("category=vital-signs", false),
        ("category:not=vital-signs", true),
        ("category=http://terminology.hl7.org/CodeSystem/observation-category|", true),
        ("category:text=lab", true),
        ("category:text=vital", false),
        ("patient=p", true),
        ("patient:missing=true", false),
        ("value-quantity=gt7", true),
        ("value-quantity=gt7&status=amended", false),
        ("_id=1", true),
        ("_id=2", false),
        ("_lastUpdated=2026-01-02", true),
        ("_lastUpdated=gt2026-01-02", false),
    ] {
        assert_eq!(means(query), Some(is), "{query}");
    }
}

#[test]
fn what_lies_behind_a_chain_it_cannot_say_unless_it_does_not_matter() {
    assert_eq!(means("patient.family=x"), None);
    assert_eq!(means("_has:Provenance:target:agent=Practitioner/1"), None);
    assert_eq!(means("patient.family=x&status=final"), None);
    assert_eq!(means("patient.family=x&status=amended"), Some(false));
}
