//! US Core's own examples.

use std::fs;

use autoclave_fhir::json::Node;
use autoclave_validate::{Context, Finding, validate};

use crate::material;

#[test]
fn every_example_of_us_core_keeps_the_profiles_that_it_declares() {
    let Some(folder) = material::shared("us_core_610") else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for path in material::files(&folder.join("package/example")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read(&path).unwrap();
        let Ok(node) = Node::parse(&text) else { continue };
        if node.get("resourceType").is_none() {
            continue;
        }
        count += 1;
        let findings = validate(&node, &[], &Context::default());
        for finding in findings.iter().filter(|finding| finding.is_error()) {
            wrong.push(format!("{name}: {} {}", finding.code, finding.place));
        }
        let undecided = |one: &&Finding| one.code == "rule-undecided";
        wrong.extend(findings.iter().find(undecided).map(|one| format!("{name}: {}", one.message)));
    }
    assert!(count > 170, "{count} examples");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
