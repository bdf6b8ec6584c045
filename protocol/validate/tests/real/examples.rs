//! The 5,307 official examples.

use std::fs;

use autoclave_fhir::json::Node;
use autoclave_validate::{Context, Finding, check, validate};

use crate::material;

/// Examples that break R4, each with what is wrong in it: HL7's own mistakes.
const WRONG: [(&str, &str); 11] = [
    // The same address for more than one entry.
    ("Bundle-dataelements.json", "bdl-7 Bundle"),
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
    // Logical models without a base, against a rule of R4 itself.
    ("StructureDefinition-", "sdf-4 StructureDefinition"),
    // An ethnicity as US Core had it once, as one concept.
    ("Observation-example-genetics-brcapat.json", "profile-element-"),
];

/// What breaks a rule in all examples, but for what is known to be wrong in them.
fn breaches(judge: impl Fn(&Node<'_>) -> Vec<Finding>) -> Option<(usize, Vec<String>)> {
    let folder = material::examples()?;
    let (mut count, mut wrong) = (0, Vec::new());
    for path in material::files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        if !is_json || matches!(&*name, "package.json" | ".index.json") {
            continue;
        }
        let text = fs::read(&path).unwrap();
        let node = Node::parse(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        count += 1;
        for finding in judge(&node).into_iter().filter(Finding::is_error) {
            let text = format!("{} {}", finding.code, finding.place);
            if !WRONG.iter().any(|(file, what)| name.starts_with(file) && text.starts_with(what)) {
                wrong.push(format!("{name}: {text} {}", finding.message));
            }
        }
    }
    Some((count, wrong))
}

#[test]
fn every_official_example_has_the_form_of_r4() {
    let Some((count, wrong)) = breaches(check) else { return };
    assert!(count > 5_300, "{count} examples");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_official_example_keeps_the_rules_and_the_profiles_that_are_here() {
    let judge = |node: &Node<'_>| validate(node, &[], &Context::default());
    let Some((count, wrong)) = breaches(judge) else { return };
    assert!(count > 5_300, "{count} examples");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
