//! The cases of SQL on FHIR.

use autoclave_fhir::json::Node;
use autoclave_fhirpath::view::{View, ViewRefusal, write_json};

use crate::archive;

const FILES: [&str; 20] = [
    "basic",
    "collection",
    "combinations",
    "constant",
    "constant_types",
    "fhirpath",
    "fhirpath_numbers",
    "fn_boundary",
    "fn_empty",
    "fn_extension",
    "fn_first",
    "fn_join",
    "fn_oftype",
    "fn_reference_keys",
    "foreach",
    "logic",
    "union",
    "validate",
    "view_resource",
    "where",
];

/// A row with its members in order and its numbers as what they count.
fn canonical(node: &Node<'_>) -> String {
    match node {
        Node::Object(members) => {
            let mut all: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{name}:{}", canonical(value)))
                .collect();
            all.sort();
            format!("{{{}}}", all.join(","))
        }
        Node::List(items) => {
            let all: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", all.join(","))
        }
        Node::Number(digits) => {
            digits.parse::<rust_decimal::Decimal>().unwrap().normalize().to_string()
        }
        other => String::from_utf8(other.to_bytes()).unwrap(),
    }
}

fn rows(view: &View, resources: &[Node<'_>]) -> Result<Vec<String>, ViewRefusal> {
    let mut all = Vec::new();
    for resource in resources {
        for row in view.rows(resource)? {
            let mut out = Vec::new();
            write_json(view.columns(), &row, &mut out);
            all.push(canonical(&Node::parse(&out).unwrap()));
        }
    }
    all.sort();
    Ok(all)
}

fn as_expected(case: &Node<'_>, resources: &[Node<'_>]) -> Result<(), String> {
    let made =
        View::parse(case.get("view").unwrap()).and_then(|view| Ok((rows(&view, resources)?, view)));
    if case.get("expectError").is_some() {
        return if made.is_err() { Ok(()) } else { Err("accepted".to_owned()) };
    }
    let (made, view) = made.map_err(|why| why.to_string())?;
    let mut expected: Vec<_> = case.get("expect").unwrap().items().iter().map(canonical).collect();
    expected.sort();
    if let Some(columns) = case.get("expectColumns") {
        let columns: Vec<_> = columns.items().iter().filter_map(Node::text).collect();
        let own: Vec<_> = view.columns().iter().map(|column| column.name.as_str()).collect();
        if columns != own {
            return Err(format!("columns {own:?}"));
        }
    }
    if made == expected { Ok(()) } else { Err(format!("{made:?}, not {expected:?}")) }
}

#[test]
fn the_cases_of_sql_on_fhir_give_what_they_say() {
    let (mut cases, mut failed) = (0, Vec::new());
    for file in FILES {
        let Some(text) = archive::file(&format!("sql-on-fhir/{file}.json")) else { return };
        let suite = Node::parse(&text).unwrap();
        for case in suite.get("tests").unwrap().items() {
            cases += 1;
            if let Err(why) = as_expected(case, suite.get("resources").unwrap().items()) {
                failed.push(format!("{file}: {}: {why}", case.text_of("title").unwrap()));
            }
        }
    }
    eprintln!("SQL on FHIR: {} of {cases} cases pass", cases - failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
