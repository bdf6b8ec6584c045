//! Every value of every official example, asked for as a client would: whatever a parameter
//! reads of a resource finds that resource.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use autoclave_base::Secret;
use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::leaf::{Component, Leaf, LeafKind};
use crate::means::One;
use crate::table::ParameterInfo;
use crate::{Blind, Context, Handling, NoTerms, Scope, parameters, parse};

fn escaped(text: &str) -> String {
    let escape =
        |c: char| if matches!(c, ',' | '$' | '|' | '\\') { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}

/// How a client asks for a value; none where nobody can: a text without letters, a reference
/// into the resource itself.
fn asked(kind: &LeafKind, value: &Node<'_>) -> Option<String> {
    let own = |name| value.text_of(name).map(escaped);
    match kind {
        LeafKind::Code(_) | LeafKind::Word | LeafKind::Uri | LeafKind::Canonical => {
            value.text().map(escaped)
        }
        LeafKind::Text => {
            value.text().filter(|text| !crate::text::normal(text).is_empty()).map(escaped)
        }
        LeafKind::Sound => {
            value.text().filter(|text| !crate::text::sounds(text).is_empty()).map(escaped)
        }
        LeafKind::Bool => value.bool().map(|truth| truth.to_string()),
        LeafKind::Deceased => Some((value.bool() != Some(false)).to_string()),
        LeafKind::Coding => coding(value),
        LeafKind::Concept => coding(value.get("coding")?.items().first()?),
        LeafKind::Identifier => {
            Some(format!("{}|{}", own("system").unwrap_or_default(), own("value")?))
        }
        LeafKind::Contact => own("value"),
        LeafKind::Reference(only) => {
            let target = crate::reference::Target::of_node(value)?;
            let fits = only.is_none() || target.kind() == *only;
            own("reference").filter(|_| fits)
        }
        LeafKind::Inline => {
            Some(format!("{}/{}", value.text_of("resourceType")?, value.text_of("id")?))
        }
        LeafKind::Date => value.text().map(str::to_owned),
        LeafKind::Period => own("start").map(|start| format!("ge{start}")),
        LeafKind::Timing => value.get("event")?.items().first()?.text().map(|at| format!("ge{at}")),
        LeafKind::Number => value.number().map(str::to_owned),
        LeafKind::Quantity if value.get("comparator").is_some() => None,
        LeafKind::Quantity => Some(match (own("code"), own("system")) {
            (Some(code), Some(system)) => {
                format!("{}|{system}|{code}", value.get("value")?.number()?)
            }
            _ => value.get("value")?.number()?.to_owned(),
        }),
        LeafKind::Money => Some(format!("{}||{}", value.get("value")?.number()?, own("currency")?)),
        LeafKind::Range => Some(format!("ge{}", value.at(&["low", "value"])?.number()?)),
        LeafKind::Sampled => Some("ge-1e100".to_owned()),
        LeafKind::Tuple(_) => None,
    }
}

fn coding(value: &Node<'_>) -> Option<String> {
    let code = value.text_of("code").map(escaped)?;
    Some(format!("{}|{code}", value.text_of("system").map(escaped).unwrap_or_default()))
}

fn tuple(components: &[Component], element: &Node<'_>, resource: &Node<'_>) -> Option<String> {
    let one = |component: &Component| {
        let mut found = None;
        component.each(element, resource, &mut |leaf, value| {
            found = found.take().or_else(|| asked(&leaf.kind, value));
        });
        found
    };
    Some(components.iter().map(one).collect::<Option<Vec<_>>>()?.join("$"))
}

/// All values that a client can ask for.
fn questions(info: &ParameterInfo, resource: &Node<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for leaf in &info.leaves {
        let Leaf { kind, .. } = leaf;
        leaf.each(resource, &mut |value| {
            found.extend(match kind {
                LeafKind::Tuple(components) => tuple(components, value, resource),
                kind => asked(kind, value),
            });
        });
    }
    found
}

#[test]
fn whatever_a_parameter_reads_of_an_official_example_finds_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/fhir/hl7.fhir.r4.examples/package");
    let Ok(files) = fs::read_dir(folder) else {
        eprintln!("skipped: no official examples in target/fhir/hl7.fhir.r4.examples");
        return;
    };
    let blind = Blind::new(&Secret::new([7; 32]));
    let context =
        Context { blind: &blind, handling: Handling::Strict, now: 0, bases: &[], terms: &NoTerms };
    let (mut asked, mut missed) = (BTreeSet::new(), BTreeMap::new());
    for file in files {
        let text = fs::read(file.unwrap().path()).unwrap();
        let Ok(node) = Node::parse(&text) else { continue };
        let Some(Ok(kind)) = node.text_of("resourceType").map(str::parse::<Kind>) else { continue };
        // One example has an id longer than FHIR's 64 characters.
        let id = node.text_of("id").filter(|id| id.len() <= 64).unwrap_or("own");
        let one = One::new(kind, id, &node, &blind);
        for info in parameters(kind).filter(|info| info.code != "_id") {
            for value in questions(info, &node) {
                if !asked.insert((kind, info.code, value.clone())) {
                    continue;
                }
                let scope = Scope { kind, compartment: None };
                let query = parse(&scope, &[(info.code.to_owned(), value.clone())], &context);
                if !matches!(query.map(|query| one.is_of(&query)), Ok(Some(true))) {
                    missed.insert(format!("{kind}.{}", info.code), (id.to_owned(), value));
                }
            }
        }
    }
    let used: BTreeSet<_> = asked.iter().map(|(kind, code, _)| (kind, code)).collect();
    let asked = asked.len();
    eprintln!("{asked} questions to {} parameters", used.len());
    assert!(missed.is_empty(), "{missed:#?}");
}
