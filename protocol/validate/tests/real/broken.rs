//! Resources with something broken in them, many thousands of them: whatever is in a tree, it is
//! judged and the judgement can be written down.

use std::fs;

use autoclave_fhir::json::Node;
use autoclave_validate::{Context, check, operation_outcome, validate};

use crate::material;

/// Broken trees of each example.
const EACH: u64 = 40;

/// Chance, the same every time (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// What takes the place of a value.
fn other(chance: &mut Chance) -> Node<'static> {
    let texts = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\"\u{e9}\"",
        "-0",
        "1e999",
        "[null]",
        "[[]]",
        "[{}]",
        "\"#\"",
        "\"#x\"",
        "\"0000-00-00T\"",
        "\"2020-01-01T00:00:00+\"",
        "\"<div>\u{e9}<\"",
        "{\"id\":null}",
        "{\"reference\":\"#\"}",
        "{\"coding\":[null,{}]}",
        "{\"url\":\"\"}",
        "{\"resourceType\":\"Patient\"}",
        "[\"\u{fffd}\"]",
        "{\"extension\":[{}]}",
    ];
    Node::parse(texts[chance.below(texts.len())].as_bytes()).unwrap().into_owned()
}

/// Changes one place somewhere in the tree.
fn break_one(node: &mut Node<'static>, chance: &mut Chance) {
    let children = match node {
        Node::Object(members) => members.len(),
        Node::List(items) => items.len(),
        _ => 0,
    };
    if children == 0 || chance.below(6) == 0 {
        *node = other(chance);
        return;
    }
    let at = chance.below(children);
    match (node, chance.below(8)) {
        (Node::Object(members), 0) => {
            members.remove(at);
        }
        (Node::Object(members), 1) => {
            let name = format!("_{}", members[at].0);
            members.push((name.into(), other(chance)));
        }
        (Node::Object(members), 2) => {
            let name = members[chance.below(children)].0.to_uppercase();
            members[at].0 = name.into();
        }
        (Node::Object(members), _) => break_one(&mut members[at].1, chance),
        (Node::List(items), 0) => items.push(Node::Null),
        (Node::List(items), _) => break_one(&mut items[at], chance),
        _ => {}
    }
}

#[test]
fn whatever_is_broken_is_judged_and_the_judgement_is_a_resource() {
    let Some(folder) = material::shared("us_core_610") else { return };
    let mut chance = Chance(0x5eed);
    let (mut count, mut passed) = (0, 0);
    for path in material::files(&folder.join("package/example")) {
        let text = fs::read(&path).unwrap();
        let Ok(whole) = Node::parse(&text) else { continue };
        for _ in 0..EACH {
            let mut node = whole.clone().into_owned();
            for _ in 0..=chance.below(3) {
                break_one(&mut node, &mut chance);
            }
            count += 1;
            let form = check(&node);
            let all = validate(&node, &[], &Context::default());
            passed += usize::from(form.is_empty());
            let outcome = operation_outcome(&all).to_bytes();
            let outcome = Node::parse(&outcome).unwrap();
            let faults = check(&outcome);
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
    assert!(count > 5_000, "{count}");
    assert!(passed < count / 3, "{passed} of {count} pass the check of the form");
}
