//! HL7's cases of JSON Patch and FHIRPath Patch.

use autoclave_fhir::json::Node;
use autoclave_fhirpath::patch::{fhirpath_patch, json_patch};

use crate::archive;
use crate::xml::{Xml, resource};

/// Members in alphabetical order: XML has another order than what is added to JSON.
fn sorted(node: Node<'_>) -> Node<'_> {
    match node {
        Node::Object(mut members) => {
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            Node::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Node::List(items) => Node::List(items.into_iter().map(sorted).collect()),
        // A narrative's spaces and quotes are written in more than one way.
        Node::Text(text) if text.starts_with("<div") => {
            let words: Vec<&str> = text.split_whitespace().collect();
            Node::from_text(words.join(" ").replace("&quot;", "\""))
        }
        other => other,
    }
}

fn text(node: Node<'_>) -> String {
    String::from_utf8(sorted(node).to_bytes()).unwrap()
}

#[test]
fn hl7s_json_patch_cases_give_what_they_say() {
    let Some(file) = archive::file("r4/patch/json-patch-tests.json") else { return };
    let cases = Node::parse(&file).unwrap();
    for case in cases.items() {
        let comment = case.text_of("comment").unwrap();
        let after = json_patch(case.get("doc").unwrap(), case.get("patch").unwrap());
        match case.get("expected") {
            Some(expected) => {
                assert_eq!(text(after.expect(comment)), text(expected.clone()), "{comment}");
            }
            None => assert!(after.is_err(), "{comment}"),
        }
    }
    eprintln!("HL7's JSON Patch cases: {}", cases.items().len());
    assert!(cases.items().len() >= 16);
}

#[test]
fn hl7s_fhirpath_patch_cases_give_what_they_say() {
    let Some(file) = archive::text("r4/patch/fhir-patch-tests.xml") else { return };
    let suite = Xml::parse(&file);
    let mut failed = Vec::new();
    let cases: Vec<_> = suite.all("case").collect();
    for case in &cases {
        let part =
            |name: &str| case.child(name).and_then(|part| part.children.first()).map(resource);
        let name = case.get("name").unwrap();
        let after = fhirpath_patch(&part("input").unwrap(), &part("diff").unwrap());
        match (after, part("output")) {
            (Ok(after), Some(expected)) => {
                let (after, expected) = (text(after), text(expected));
                if after != expected {
                    failed.push(format!("{name}: {after}, not {expected}"));
                }
            }
            (Err(_), None) => {}
            (Ok(after), None) => failed.push(format!("{name}: accepted: {}", text(after))),
            (Err(why), Some(_)) => failed.push(format!("{name}: {why}")),
        }
    }
    eprintln!("HL7's FHIRPath Patch cases: {} of {}", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
