//! Parts of a resource: `_summary` and `_elements`. Pure. A part says that it is one, by the
//! tag `SUBSETTED`, so that nobody writes it back as if it were the whole.

use std::borrow::Cow;

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::Type;
use autoclave_fhir::json::Node;

use super::wanted::{Summary, Wanted};

/// System and code of the tag.
const SUBSETTED: (&str, &str) =
    ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED");

/// What is left of a resource; it has the tag.
pub(crate) fn subset<'a>(resource: &Node<'a>, wanted: &Wanted) -> Node<'a> {
    let kind = resource.text_of("resourceType").and_then(|name| Definitions::r4().of(name));
    let Some(kind) = kind else { return resource.clone() };
    let mut part = match wanted.summary {
        Summary::True => summary(resource, kind, true),
        Summary::Text => keep(resource, |name| name == "text" || is_mandatory(kind, name)),
        Summary::Data => keep(resource, |name| name != "text"),
        Summary::All | Summary::Count => resource.clone(),
    };
    if !wanted.elements.is_empty() {
        let listed = |name: &str| is_listed(kind, name, &wanted.elements);
        part = keep(&part, |name| listed(name) || is_mandatory(kind, name));
    }
    tag(&mut part);
    part
}

/// The head of a resource stays in every part.
fn is_head(name: &str) -> bool {
    matches!(name, "resourceType" | "id" | "meta")
}

fn keep<'a>(resource: &Node<'a>, is_kept: impl Fn(&str) -> bool) -> Node<'a> {
    let members = resource.members().iter().filter(|(name, _)| is_head(name) || is_kept(name));
    Node::Object(members.cloned().collect())
}

fn is_mandatory(kind: &'static Type, name: &str) -> bool {
    kind.child(name).is_some_and(|child| child.element.min() > 0)
}

/// `name`, `Patient.name`, `name.family` and `value[x]` all mean a member of the resource.
fn is_listed(kind: &'static Type, name: &str, elements: &[String]) -> bool {
    let Some(child) = kind.child(name) else { return false };
    elements.iter().any(|element| {
        let element = element
            .strip_prefix(kind.name())
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(element);
        let first = element.split('.').next().unwrap_or_default();
        let first = first.strip_suffix("[x]").unwrap_or(first);
        first == child.element.name() || first == name
    })
}

fn summary<'a>(node: &Node<'a>, kind: &'static Type, is_root: bool) -> Node<'a> {
    match node {
        Node::List(items) => {
            Node::List(items.iter().map(|item| summary(item, kind, is_root)).collect())
        }
        Node::Object(members) => {
            let kept = members.iter().filter_map(|(name, value)| {
                if is_root && is_head(name) {
                    return Some((name.clone(), value.clone()));
                }
                let child = kind.child(name)?;
                let inner = || {
                    if child.is_companion {
                        value.clone()
                    } else {
                        summary(value, child.kind, false)
                    }
                };
                child.element.is_summary().then(|| (name.clone(), inner()))
            });
            Node::Object(kept.collect())
        }
        plain => plain.clone(),
    }
}

fn tag(part: &mut Node<'_>) {
    let Node::Object(members) = part else { return };
    let text = |text: &'static str| Node::Text(Cow::Borrowed(text));
    let coding = Node::object([("system", text(SUBSETTED.0)), ("code", text(SUBSETTED.1))]);
    if !members.iter().any(|(name, _)| name == "meta") {
        members.push((Cow::Borrowed("meta"), Node::Object(Vec::new())));
    }
    let meta = members.iter_mut().find(|(name, _)| name == "meta");
    let Some((_, Node::Object(meta))) = meta else { return };
    match meta.iter_mut().find(|(name, _)| name == "tag") {
        Some((_, Node::List(tags))) => tags.push(coding),
        _ => meta.push((Cow::Borrowed("tag"), Node::List(vec![coding]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"7","meta":{"versionId":"1","tag":[{"code":"a"}]},"text":{"status":"generated","div":"<div/>"},"status":"final","code":{"text":"x"},"note":[{"text":"secret"}],"valueQuantity":{"value":1.50},"referenceRange":[{"text":"r"}],"_status":{"id":"s"}}"#;

    fn names(wanted: &Wanted) -> Vec<String> {
        let node = Node::parse(OBSERVATION.as_bytes()).unwrap();
        let part = subset(&node, wanted);
        let tags = part.at(&["meta", "tag"]).unwrap().items();
        assert_eq!(tags.last().unwrap().text_of("code"), Some("SUBSETTED"));
        part.members().iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn summaries_keep_what_the_definitions_mark() {
        let with = |summary| Wanted { summary, ..Wanted::default() };
        assert_eq!(
            names(&with(Summary::True)),
            ["resourceType", "id", "meta", "status", "code", "valueQuantity", "_status"]
        );
        assert_eq!(
            names(&with(Summary::Text)),
            ["resourceType", "id", "meta", "text", "status", "code", "_status"]
        );
        assert!(!names(&with(Summary::Data)).contains(&"text".to_owned()));
    }

    #[test]
    fn elements_keep_what_is_listed_and_mandatory() {
        for element in ["value", "value[x]", "Observation.value", "valueQuantity", "value.code"] {
            let wanted = Wanted { elements: vec![element.to_owned()], ..Wanted::default() };
            let expected =
                ["resourceType", "id", "meta", "status", "code", "valueQuantity", "_status"];
            assert_eq!(names(&wanted), expected, "{element}");
        }
    }
}
