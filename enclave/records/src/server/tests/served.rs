//! What the server says of itself.

use super::*;

#[tokio::test]
async fn the_statement_lists_what_is_served() {
    let clinic = Clinic::new();
    let statement = clinic.get("metadata").await;
    assert_eq!(statement.code(), 200);
    let node = statement.node();
    assert_eq!(node.text_of("fhirVersion"), Some("4.0.1"));
    let rest = &node.get("rest").unwrap().items()[0];
    let resources = rest.get("resource").unwrap().items();
    let of = |name: &str| resources.iter().find(|one| one.text_of("type") == Some(name)).unwrap();
    let codes: Vec<&str> = of("Patient")
        .get("searchParam")
        .unwrap()
        .items()
        .iter()
        .map(|parameter| parameter.text_of("name").unwrap())
        .collect();
    for code in ["_id", "name", "identifier", "birthdate", "race", "gender", "family", "given"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    assert!(resources.iter().all(|one| one.text_of("type") != Some("Parameters")));
    assert!(statement.text().contains("SMART-on-FHIR"));
    let findings = autoclave_validate::check(&node);
    assert!(!findings.iter().any(autoclave_validate::Finding::is_error), "the statement is FHIR");
    let terms = clinic.get("metadata?mode=terminology").await;
    assert_eq!(terms.node().text_of("resourceType"), Some("TerminologyCapabilities"));
}

#[tokio::test]
async fn every_search_parameter_that_is_named_is_taken() {
    let clinic = Clinic::new();
    let statement = clinic.get("metadata").await;
    let node = statement.node();
    let rest = &node.get("rest").unwrap().items()[0];
    for resource in rest.get("resource").unwrap().items() {
        let kind = resource.text_of("type").unwrap();
        for parameter in resource.get("searchParam").map(Node::items).unwrap_or_default() {
            let name = parameter.text_of("name").unwrap();
            let answer = clinic.get(&format!("{kind}?{name}:missing=true")).await;
            let refused = answer.code() != 200 && answer.text().contains("no search parameter");
            assert!(!refused, "{kind}.{name}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_openapi_description_names_every_path() {
    let clinic = Clinic::new();
    let answer = clinic.get("openapi.json").await;
    let description: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    for path in ["/", "/metadata", "/Patient", "/Observation/{id}", "/Patient/{id}/$everything"] {
        assert!(description["paths"][path].is_object(), "{path}");
    }
}
