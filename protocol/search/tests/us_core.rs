//! Every search that US Core 6.1.0's own CapabilityStatement asks of a server is understood.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod shelf;

use std::path::Path;
use std::process::Command;

use autoclave_fhir::Kind;
use autoclave_search::{ParameterType, parameters};
use serde_json::Value;
use shelf::Shelf;

const STATEMENT: &str = "package/CapabilityStatement-us-core-server.json";

fn statement() -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let archive = root.join("../shared/fhir/us_core_610.tgz");
    let text = Command::new("tar").arg("-xzOf").arg(&archive).arg(STATEMENT).output();
    match text {
        Ok(output) if output.status.success() => {
            Some(serde_json::from_slice(&output.stdout).unwrap())
        }
        _ => {
            eprintln!("skipped: no ../shared/fhir/us_core_610.tgz, or no tar");
            None
        }
    }
}

fn texts<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    value[name].as_array().map_or(Vec::new(), |all| all.iter().filter_map(Value::as_str).collect())
}

/// A value that a parameter takes.
fn sample(kind: &str, code: &str) -> &'static str {
    if code == "_id" {
        return "1";
    }
    let info = parameters(Kind::known(kind)).find(|info| info.code == code);
    match info.unwrap_or_else(|| panic!("{kind}.{code} is unknown")).kind {
        ParameterType::Date => "ge2020-01-01T00:00:00Z",
        ParameterType::Token => "http://example.org|a,b",
        _ => "abc",
    }
}

#[test]
fn every_search_that_us_core_requires_is_understood() {
    let Some(statement) = statement() else { return };
    let shelf = Shelf::new();
    let mut asked = 0;
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        let mut ask = |query: String| {
            let understood = shelf.understand(kind, &query);
            assert!(understood.is_ok_and(|query| !query.needs_check()), "{kind}?{query}");
            asked += 1;
        };
        for parameter in resource["searchParam"].as_array().unwrap_or(&Vec::new()) {
            let code = parameter["name"].as_str().unwrap();
            ask(format!("{code}={}", sample(kind, code)));
        }
        for extension in resource["extension"].as_array().unwrap_or(&Vec::new()) {
            if extension["url"].as_str().unwrap().contains("search-parameter-combination") {
                let codes = extension["extension"].as_array().unwrap().iter();
                let codes = codes.filter(|one| one["url"] == "required");
                let pairs = codes.map(|one| one["valueString"].as_str().unwrap());
                ask(pairs
                    .map(|code| format!("{code}={}", sample(kind, code)))
                    .collect::<Vec<_>>()
                    .join("&"));
            }
        }
        for include in texts(resource, "searchInclude") {
            ask(format!("_include={include}"));
        }
        for include in texts(resource, "searchRevInclude") {
            ask(format!("_revinclude={include}"));
        }
    }
    eprintln!("{asked} searches");
    assert!(asked > 100);
}

#[test]
fn the_expressions_of_the_us_core_parameters_are_those_of_the_base() {
    // Where US Core restates a parameter of R4, it may not speak of more than R4's does: its
    // own table rows are left out. These are the paths that its profiles must support.
    for (kind, resource, query) in [
        (
            "Condition",
            r#""extension":[{"url":"http://hl7.org/fhir/StructureDefinition/condition-assertedDate","valueDateTime":"2020-02-03"}]"#,
            "asserted-date=2020-02-03",
        ),
        (
            "Condition",
            r#""onsetPeriod":{"start":"2020-02-03","end":"2020-02-04"}"#,
            "onset-date=ge2020-02-03",
        ),
        ("Goal", r#""target":[{"dueDate":"2020-02-03"}]"#, "target-date=2020-02-03"),
        ("Goal", r#""description":{"coding":[{"system":"s","code":"c"}]}"#, "description=s|c"),
        (
            "CareTeam",
            r#""participant":[{"role":[{"coding":[{"system":"s","code":"c"}]}]}]"#,
            "role=c",
        ),
        (
            "Encounter",
            r#""hospitalization":{"dischargeDisposition":{"coding":[{"code":"c"}]}}"#,
            "discharge-disposition=c",
        ),
        ("Encounter", r#""location":[{"location":{"reference":"Location/l"}}]"#, "location=l"),
        ("Procedure", r#""performedDateTime":"2020-02-03T04:05:06+01:00""#, "date=2020-02-03"),
        ("MedicationRequest", r#""authoredOn":"2020-02-03""#, "authoredon=le2020-02-03"),
        (
            "DocumentReference",
            r#""context":{"period":{"start":"2020-02-03"}}"#,
            "period=ge2020-02-03",
        ),
        (
            "QuestionnaireResponse",
            r#""questionnaire":"http://example.org/q|2""#,
            "questionnaire=http://example.org/q",
        ),
        (
            "Device",
            r#""type":{"coding":[{"code":"c"}]},"patient":{"reference":"Patient/p"}"#,
            "patient=p&type=c",
        ),
        ("Specimen", r#""subject":{"reference":"Patient/p"}"#, "patient=Patient/p"),
        ("Patient", r#""deceasedDateTime":"2020-02-03""#, "death-date=2020-02-03"),
        (
            "Patient",
            r#""extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity","valueCodeableConcept":{"coding":[{"system":"s","code":"c"}]}}]"#,
            "gender-identity=s|c",
        ),
        ("PractitionerRole", r#""specialty":[{"coding":[{"code":"c"}]}]"#, "specialty=c"),
        ("ServiceRequest", r#""authoredOn":"2020-02-03T04:05:06Z""#, "authored=2020-02"),
    ] {
        let text = format!(r#"{{"resourceType":"{kind}","id":"1",{resource}}}"#);
        assert_eq!(Shelf::of(&[&text]).find(kind, query), ["1"], "{kind}?{query}");
    }
}
