//! The 5,307 official examples.

use std::fs;

use autoclave_fhir::json::Node;
use autoclave_validate::{Finding, check};

use crate::material;

/// Examples that break R4, each with what is wrong in it: HL7's own mistakes.
const WRONG: [(&str, &str); 8] = [
    // Codes with two spaces between words, which the format of codes forbids.
    ("Bundle-v2-valuesets.json", "value-format Bundle.entry[814].resource.concept"),
    ("CodeSystem-v2-0550.json", "value-format CodeSystem.concept"),
    // No status and no name, both 1..1.
    ("ImplementationGuide-fhir.json", "element-missing ImplementationGuide."),
    ("ig-r4.json", "element-missing ImplementationGuide."),
    // Items without linkId, 1..1.
    ("Questionnaire-qs1.json", "element-missing Questionnaire.item"),
    // 67 characters, where an id has at most 64.
    (
        "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json",
        "value-format SearchParameter.id",
    ),
    // No base, 1..*.
    ("SearchParameter-codesystem-extensions-CodeSystem-", "element-missing SearchParameter.base"),
    ("SearchParameter-valueset-extensions-ValueSet-", "element-missing SearchParameter.base"),
];

#[test]
fn every_official_example_has_the_form_of_r4() {
    let Some(folder) = material::examples() else { return };
    let mut count = 0;
    let mut wrong = Vec::new();
    for path in material::files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        if !is_json || matches!(&*name, "package.json" | ".index.json") {
            continue;
        }
        let text = fs::read(&path).unwrap();
        let node = Node::parse(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        count += 1;
        for finding in check(&node).into_iter().filter(Finding::is_error) {
            let text = format!("{} {}", finding.code, finding.place);
            if !WRONG.iter().any(|(file, what)| name.starts_with(file) && text.starts_with(what)) {
                wrong.push(format!("{name}: {text} {}", finding.message));
            }
        }
    }
    assert!(count > 5_300, "{count} examples");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
