//! The rules (invariants) of HL7's definitions: every one can be read, and evaluated over
//! HL7's examples.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use autoclave_fhir::Definitions;
use autoclave_fhir::definitions::{Element, Invariant, Type};
use autoclave_fhir::json::Node;
use autoclave_fhirpath::value::DateTime;
use autoclave_fhirpath::{Context, EvaluationRefusal, Expression, Item};

use crate::archive;

#[test]
fn every_rule_of_r4_can_be_read() {
    let mut count = 0;
    for kind in Definitions::r4().types() {
        let of_elements = kind.elements().flat_map(Element::invariants);
        for rule in kind.invariants().chain(of_elements) {
            count += 1;
            if let Err(why) = Expression::parse(rule.expression) {
                panic!("{} {}: {why}: {}", kind.name(), rule.key, rule.expression);
            }
        }
    }
    assert!(count > 500, "{count} rules");
}

/// What came of evaluating rules.
#[derive(Default)]
struct Found {
    evaluated: u32,
    time: Duration,
    slowest: BTreeMap<Duration, &'static str>,
    broken: BTreeMap<&'static str, u32>,
    refused: BTreeMap<&'static str, EvaluationRefusal>,
}

struct Walk<'a> {
    expressions: &'a HashMap<&'static str, Expression>,
    context: &'a Context<'a>,
    found: Found,
}

impl<'a> Walk<'a> {
    fn rules(&mut self, item: &Item<'a>, rules: impl Iterator<Item = &'static Invariant>) {
        for rule in rules {
            let expression = &self.expressions[rule.expression];
            let begin = Instant::now();
            let truth = expression.evaluate_rule(item.clone(), self.context);
            let took = begin.elapsed();
            self.found.evaluated += 1;
            self.found.time += took;
            self.found.slowest.insert(took, rule.key);
            match truth {
                Ok(false) if rule.is_error => *self.found.broken.entry(rule.key).or_default() += 1,
                Ok(_) => {}
                Err(why) => _ = self.found.refused.insert(rule.key, why),
            }
        }
    }

    fn element(
        &mut self,
        node: &'a Node<'a>,
        companion: Option<&'a Node<'a>>,
        kind: &'static Type,
    ) {
        let named = node.text_of("resourceType").and_then(|name| Definitions::r4().of(name));
        let kind = named.filter(|_| kind.is_resource()).unwrap_or(kind);
        let item = Item::element(node, companion, kind);
        self.rules(&item, kind.invariants());
        for (name, member) in node.members() {
            let Some(child) = kind.child(name) else { continue };
            let beside = node.get(&format!("_{name}")).map_or(&[][..], Node::each);
            for (at, value) in
                member.each().iter().enumerate().filter(|(_, node)| **node != Node::Null)
            {
                if !child.is_companion {
                    let beside = beside.get(at);
                    self.rules(
                        &Item::element(value, beside, child.kind),
                        child.element.invariants(),
                    );
                    self.element(value, beside, child.kind);
                }
            }
        }
    }
}

#[test]
fn rules_hold_in_hl7s_examples_and_none_is_refused() {
    let mut expressions = HashMap::new();
    for kind in Definitions::r4().types() {
        let of_elements = kind.elements().flat_map(Element::invariants);
        for rule in kind.invariants().chain(of_elements) {
            expressions.insert(rule.expression, Expression::parse(rule.expression).unwrap());
        }
    }
    let mut all = Found::default();
    let mut resources = 0;
    for name in archive::names("r4/examples/").iter().filter(|name| name.ends_with("json")) {
        let text = archive::file(name).unwrap();
        let Ok(node) = Node::parse(&text) else { continue };
        let Some(kind) = node.text_of("resourceType").and_then(|name| Definitions::r4().of(name))
        else {
            continue;
        };
        let now = DateTime::parse("2026-11-20T08:00:00Z").unwrap();
        let context = Context::default().resource(&node).now(now);
        let mut walk =
            Walk { expressions: &expressions, context: &context, found: Found::default() };
        walk.element(&node, None, kind);
        resources += 1;
        all.evaluated += walk.found.evaluated;
        all.time += walk.found.time;
        all.slowest.extend(walk.found.slowest);
        while all.slowest.len() > 8 {
            all.slowest.pop_first();
        }
        for (key, count) in walk.found.broken {
            *all.broken.entry(key).or_default() += count;
        }
        all.refused.extend(walk.found.refused);
    }
    if resources == 0 {
        return;
    }
    let each = all.time / all.evaluated;
    eprintln!("{resources} resources, {} rules evaluated, {each:?} each", all.evaluated);
    eprintln!("slowest: {:?}", all.slowest);
    eprintln!("broken: {:?}", all.broken);
    assert!(all.refused.is_empty(), "{:?}", all.refused);
    // HL7's own case testCombine1 says that its example of a code system breaks this one.
    assert_eq!(all.broken.into_iter().collect::<Vec<_>>(), [("csd-1", 1)]);
}
