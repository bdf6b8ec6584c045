//! Whatever stands in a query or a resource, nothing panics, and nothing of it is in a row.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shelf;

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;
use autoclave_search::{Handling, Row, parameters, patients, rows, sort_value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use shelf::Shelf;

const PIECES: &[&str] = &[
    "",
    ",",
    "|",
    "$",
    "\\",
    "a",
    "A-1",
    "5.4",
    "1e999999999999",
    "-0",
    "gt",
    "le2013-01-14",
    "2013-02-30",
    "http://",
    "://",
    "/",
    "Patient/1",
    "urn:uuid:1",
    "#x",
    "ß",
    "İ",
    "\u{301}",
    "𝄞",
    "\0",
    "\u{1}",
    "..",
    "99999999999999999999999999999999999999999",
    "T24:00",
    "0000",
    "9999-12-31T23:59:59.999999999+14:00",
    "mg",
    "http://loinc.org",
    "true",
    "*",
    ":",
    "%",
    "'",
    "--",
];
const MODIFIERS: &[&str] = &[
    "",
    ":exact",
    ":contains",
    ":missing",
    ":not",
    ":text",
    ":in",
    ":not-in",
    ":above",
    ":below",
    ":of-type",
    ":identifier",
    ":Patient",
    ":Nobody",
    ".name",
    ".",
    ":",
    ":Patient.name:exact",
    "._id",
];

fn pieces(random: &mut StdRng) -> String {
    (0..random.random_range(0..6)).map(|_| *PIECES.choose(random).unwrap()).collect()
}

#[test]
fn no_query_panics() {
    let shelf = Shelf::of(&[r#"{"resourceType":"Patient","id":"1","name":[{"family":"a"}]}"#]);
    let mut random = StdRng::seed_from_u64(11);
    let kinds: Vec<Kind> = Kind::all().collect();
    let mut understood = 0;
    for _ in 0..100_000 {
        let kind = *kinds.choose(&mut random).unwrap();
        let codes: Vec<&str> = parameters(kind).map(|info| info.code).collect();
        let code = if random.random_bool(0.9) {
            (*codes.choose(&mut random).unwrap()).to_owned()
        } else {
            pieces(&mut random)
        };
        let head = *["", "_has:Observation:patient:", "_has:", "_sort", "_include"]
            .choose(&mut random)
            .unwrap();
        let head = if random.random_bool(0.9) { "" } else { head };
        let query = format!(
            "{head}{code}{}={}",
            MODIFIERS.choose(&mut random).unwrap(),
            pieces(&mut random)
        );
        if let Ok(query) = shelf.understand_as(kind.name(), &query, Handling::Strict) {
            understood += 1;
            for item in &shelf.items {
                shelf.means(&query.filter, item);
                query.confirms(&Node::parse(&item.text).unwrap());
            }
        }
    }
    assert!(understood > 2_000, "{understood}");
}

/// A resource in which everything may stand anywhere.
fn anything(random: &mut StdRng, depth: usize) -> Node<'static> {
    const NAMES: &[&str] = &[
        "code",
        "coding",
        "system",
        "value",
        "reference",
        "identifier",
        "start",
        "end",
        "event",
        "name",
        "family",
        "given",
        "subject",
        "valueQuantity",
        "unit",
        "low",
        "high",
        "text",
        "display",
        "extension",
        "url",
        "data",
        "origin",
        "component",
        "effectiveDateTime",
        "effectivePeriod",
        "birthDate",
        "address",
        "telecom",
        "type",
        "deceasedBoolean",
        "meta",
        "tag",
        "profile",
        "participant",
        "actor",
        "item",
        "entry",
        "resource",
        "period",
    ];
    match random.random_range(0..if depth > 6 { 4 } else { 8 }) {
        0 => Node::Null,
        1 => Node::Bool(random.random_bool(0.5)),
        2 => Node::Number(
            (*["1", "-1.50", "1e400", "0", "12345678901234567890.1"].choose(random).unwrap())
                .into(),
        ),
        3 => Node::from_text(pieces(random)),
        4 => Node::List(
            (0..random.random_range(0..4)).map(|_| anything(random, depth + 1)).collect(),
        ),
        _ => Node::object(
            (0..random.random_range(0..6))
                .map(|_| (*NAMES.choose(random).unwrap(), anything(random, depth + 1))),
        ),
    }
}

#[test]
fn no_resource_panics() {
    let shelf = Shelf::new();
    let mut random = StdRng::seed_from_u64(12);
    let kinds: Vec<Kind> = Kind::all().collect();
    let mut made = 0;
    for _ in 0..30_000 {
        let kind = *kinds.choose(&mut random).unwrap();
        let mut node = anything(&mut random, 0);
        for name in ["subject", "code", "valueQuantity", "name", "component", "meta"] {
            node.set(name, anything(&mut random, 2));
        }
        let found = rows(kind, &node, &shelf.blind);
        made += found.len();
        for row in &found {
            if let Row::Span { low, high, .. } = row {
                assert!(low.is_finite() && high.is_finite());
            }
        }
        patients(kind, "own", &node);
        for info in parameters(kind) {
            sort_value(info.number(), kind, &node);
        }
    }
    assert!(made > 10_000, "{made}");
}

#[test]
fn rows_of_a_huge_resource_are_bounded_by_what_stands_in_it() {
    let text = "x".repeat(1_000_000);
    let resource = format!(r#"{{"resourceType":"Patient","name":[{{"family":"{text}"}}]}}"#);
    let node = Node::parse(resource.as_bytes()).unwrap();
    let found = rows(Kind::known("Patient"), &node, &Shelf::new().blind);
    assert!(found.len() < 40, "{}", found.len());
}
