//! Through references, forward and backward; what comes along; what belongs to a patient.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shelf;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Context, Handling, NoTerms, Scope, parse};
use shelf::{NOW, Shelf};

const ALL: &[&str] = &[
    r#"{"resourceType":"Patient","id":"p1","name":[{"family":"Smith"}],"gender":"female","generalPractitioner":[{"reference":"Practitioner/d1"}],"managingOrganization":{"reference":"Organization/o1"}}"#,
    r#"{"resourceType":"Patient","id":"p2","name":[{"family":"Jones"}],"gender":"male"}"#,
    r#"{"resourceType":"Group","id":"p1","type":"person","actual":true}"#,
    r#"{"resourceType":"Practitioner","id":"d1","name":[{"family":"House"}]}"#,
    r#"{"resourceType":"Organization","id":"o1","name":"Acme","partOf":{"reference":"Organization/o2"}}"#,
    r#"{"resourceType":"Organization","id":"o2","name":"Holding"}"#,
    r#"{"resourceType":"Encounter","id":"e1","subject":{"reference":"Patient/p1"},"period":{"start":"2020-01-01","end":"2020-01-02"}}"#,
    r#"{"resourceType":"Observation","id":"b1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1234-5"}]},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2020-01-01","performer":[{"reference":"Practitioner/d1"},{"reference":"Patient/p2"}]}"#,
    r#"{"resourceType":"Observation","id":"b2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"9999-9"}]},"subject":{"reference":"Patient/p2"},"effectiveDateTime":"2021-01-01"}"#,
    r#"{"resourceType":"Observation","id":"b3","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1234-5"}]},"subject":{"reference":"Group/p1"},"hasMember":[{"reference":"Observation/b1"}]}"#,
    r#"{"resourceType":"Provenance","id":"v1","target":[{"reference":"Observation/b1"},{"reference":"Patient/p2"}],"agent":[{"who":{"reference":"Practitioner/d1"}}]}"#,
];

#[track_caller]
fn finds(kind: &str, cases: &[(&str, &[&str])]) {
    let shelf = Shelf::of(ALL);
    for (query, expected) in cases {
        assert_eq!(&shelf.find(kind, query), expected, "{kind}?{query}");
    }
}

#[test]
fn a_chain_leads_through_references() {
    finds(
        "Observation",
        &[
            ("subject:Patient.name=smith", &["b1"]),
            ("subject.name=smith", &["b1"]),
            ("patient.name=smith", &["b1"]),
            ("patient.family=smith,jones", &["b1", "b2"]),
            ("patient.gender=female&code=1234-5", &["b1"]),
            ("patient.gender:not=female", &["b2"]),
            ("patient.name:exact=Smith", &["b1"]),
            ("patient.general-practitioner.name=house", &["b1"]),
            ("patient.organization.partof.name=hold", &["b1"]),
            ("patient.general-practitioner:missing=true", &["b2"]),
            ("encounter.date=ge2020-01-01", &["b1"]),
            ("encounter.patient.family=smith", &["b1"]),
            ("encounter.patient.family=jones", &[]),
            ("performer:Practitioner.name=house", &["b1"]),
            ("performer:Patient.name=house", &[]),
            ("subject:Group._id=p1", &["b3"]),
            ("subject:Patient._id=p1", &["b1"]),
            ("patient._id=p1,p2", &["b1", "b2"]),
            ("patient._id=nobody", &[]),
            ("has-member.code=1234-5", &["b3"]),
        ],
    );
}

#[test]
fn has_leads_backward_and_both_ways() {
    finds(
        "Patient",
        &[
            ("_has:Observation:patient:code=1234-5", &["p1"]),
            ("_has:Observation:subject:code=http://loinc.org|9999-9", &["p2"]),
            ("_has:Observation:performer:code=1234-5", &["p2"]),
            ("_has:Observation:patient:code=1234-5,9999-9", &["p1", "p2"]),
            ("_has:Observation:patient:code=1234-5&_has:Observation:performer:code=1234-5", &[]),
            ("_has:Observation:patient:_has:Provenance:target:agent=Practitioner/d1", &["p1"]),
            ("_has:Encounter:patient:date=2020-01", &["p1"]),
            ("_has:Observation:patient:encounter.date=2020-01", &["p1"]),
            ("_has:Observation:patient:_id=b2", &["p2"]),
        ],
    );
    finds("Group", &[("_has:Observation:subject:code=1234-5", &["p1"])]);
    finds("Practitioner", &[("_has:Patient:general-practitioner:family=smith", &["d1"])]);
    finds("Observation", &[("subject:Patient._has:Observation:performer:code=1234-5", &["b2"])]);
    finds("Encounter", &[("_has:Observation:encounter:patient.family=smith", &["e1"])]);
}

#[test]
fn a_compartment_holds_what_is_the_patients() {
    let shelf = Shelf::of(ALL);
    let find = |kind: &str, patient: &str| {
        let context = Context {
            blind: &shelf.blind,
            handling: Handling::Strict,
            now: NOW,
            bases: &[],
            terms: &NoTerms,
        };
        let scope = Scope { kind: Kind::known(kind), compartment: Some(patient.to_owned()) };
        let query = parse(&scope, &[], &context).unwrap();
        let items = shelf.items.iter().filter(|item| item.kind == scope.kind);
        items
            .filter(|item| shelf.means(&query.filter, item))
            .map(|item| item.id.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(find("Observation", "p1"), ["b1"]);
    assert_eq!(find("Observation", "p2"), ["b1", "b2"]);
    assert_eq!(find("Patient", "p1"), ["p1"]);
    assert!(find("Organization", "p1").is_empty());
}

fn targets(include: &str, text: &str) -> Vec<String> {
    let shelf = Shelf::new();
    let query = shelf.understand("Observation", &format!("_include={include}")).unwrap();
    let node = Node::parse(text.as_bytes()).unwrap();
    query.includes[0].targets(&node).iter().map(|(kind, id)| format!("{kind}/{id}")).collect()
}

#[test]
fn includes_name_what_a_resource_refers_to() {
    let text = ALL[7];
    assert_eq!(targets("Observation:subject", text), ["Patient/p1"]);
    assert_eq!(targets("Observation:patient", text), ["Patient/p1"]);
    assert_eq!(targets("Observation:performer", text), ["Practitioner/d1", "Patient/p2"]);
    assert_eq!(targets("Observation:performer:Patient", text), ["Patient/p2"]);
    let mut all = targets("Observation:*", text);
    all.sort();
    assert_eq!(all, ["Encounter/e1", "Patient/p1", "Patient/p2", "Practitioner/d1"]);
    assert_eq!(targets("*", text).len(), 4);
    assert_eq!(targets("Observation:patient", ALL[9]), [] as [&str; 0]);
    assert_eq!(targets("Observation:subject", ALL[6]), [] as [&str; 0]);
}

#[test]
fn reverse_includes_name_what_refers_to_matches() {
    let shelf = Shelf::of(ALL);
    let sources = |include: &str, kind: &str, id: &str| {
        let query = shelf.understand("Patient", &format!("_revinclude={include}")).unwrap();
        let include = &query.includes[0];
        assert!(include.is_reverse());
        let key = shelf.blind.reference(Kind::known(kind), id);
        let (kind, filter) = include.sources(&[key]).unwrap();
        let items = shelf.items.iter().filter(|item| item.kind == kind);
        items
            .filter(|item| shelf.means(&filter, item))
            .map(|item| item.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(sources("Observation:subject", "Patient", "p1"), ["b1"]);
    assert_eq!(sources("Observation:subject", "Group", "p1"), ["b3"]);
    assert_eq!(sources("Provenance:target", "Observation", "b1"), ["v1"]);
    assert_eq!(sources("Observation:*", "Patient", "p2"), ["b1", "b2"]);
    let query = shelf.understand("Group", "_revinclude=Observation:patient").unwrap();
    assert_eq!(query.includes[0].target(), Some(Kind::known("Patient")));
}

#[test]
fn iterating_includes_may_begin_at_other_types() {
    let shelf = Shelf::new();
    let query = "_include=Observation:patient&_include:iterate=Patient:general-practitioner&_include:recurse=Patient:organization";
    let includes = shelf.understand("Observation", query).unwrap().includes;
    assert_eq!(
        includes.iter().map(autoclave_search::Include::iterates).collect::<Vec<_>>(),
        [false, true, true]
    );
    assert_eq!(includes[1].source(), Some(Kind::known("Patient")));
}
