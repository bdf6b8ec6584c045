//! The FHIRPath suite of R4. Cases that differ stand in `differences.txt`, each with its
//! reason; one that stands there and passes is a mistake as well.

use std::collections::{BTreeMap, BTreeSet};

use autoclave_fhir::json::Node;
use autoclave_fhirpath::value::DateTime;
use autoclave_fhirpath::{Context, Expression, Item, Value};

use crate::archive;
use crate::xml::{Xml, resource};

/// Cases that differ, by name.
fn differences() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("differences.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ")).collect()
}

fn input(name: &str) -> Node<'static> {
    if name.is_empty() {
        return Node::object([("resourceType", Node::from_text("Patient"))]);
    }
    let text = archive::text(&format!("r4/{name}")).expect("an input");
    if text.starts_with('<') {
        resource(&Xml::parse(&text))
    } else {
        Node::parse(text.as_bytes()).expect("JSON").into_owned()
    }
}

/// An item as the suite writes it.
fn written(item: &Item<'_>) -> String {
    match item.value() {
        Ok(Some(Value::Date(date))) => format!("@{}", date.text()),
        Ok(Some(Value::DateTime(moment))) => format!("@{}", moment.text()),
        Ok(Some(Value::Time(time))) => format!("@T{}", time.text()),
        Ok(Some(value)) => value.text(),
        _ => "(no value)".to_owned(),
    }
}

/// Whether a result is what a case expects.
fn as_expected(case: &Xml, input: &Node<'_>) -> Result<(), String> {
    let expression = case.child("expression").expect("an expression");
    let invalid = expression.get("invalid").is_some();
    let mut context = Context::default().now(DateTime::parse("2026-11-20T08:00:00.000Z").unwrap());
    if invalid || case.get("mode") == Some("strict") {
        context = context.strict();
    }
    let parsed = match Expression::parse(&expression.text) {
        Ok(parsed) => parsed,
        Err(_) if invalid => return Ok(()),
        Err(why) => return Err(why.to_string()),
    };
    let found = match parsed.evaluate(input, &context) {
        Err(_) if invalid => return Ok(()),
        Err(why) => return Err(why.to_string()),
        Ok(found) => found,
    };
    if invalid {
        return Err("accepted".to_owned());
    }
    if case.get("predicate") == Some("true") {
        let truth = parsed.evaluate_bool(input, &context).map_err(|why| why.to_string())?;
        let exists = if found.len() == 1 { truth } else { !found.is_empty() };
        return if exists { Ok(()) } else { Err("false".to_owned()) };
    }
    let mut found: Vec<String> = found.iter().map(written).collect();
    let mut expected: Vec<String> = case.all("output").map(|output| output.text.clone()).collect();
    if case.get("ordered") == Some("false") {
        found.sort();
        expected.sort();
    }
    let number = |text: &str| text.parse::<rust_decimal::Decimal>().ok();
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(found, expected)| {
            found == expected || (number(found).is_some() && number(found) == number(expected))
        });
    if same { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
}

#[test]
fn hl7s_fhirpath_cases_give_what_they_say() {
    let Some(text) = archive::text("r4/fhirpath/tests-fhir-r4.xml") else { return };
    let (suite, differences) = (Xml::parse(&text), differences());
    let (mut inputs, mut met) = (BTreeMap::new(), BTreeSet::new());
    let (mut cases, mut failed) = (0, Vec::new());
    for case in suite.all("group").flat_map(|group| group.all("test")) {
        let name = case.get("name").expect("a name");
        let input = inputs
            .entry(case.get("inputfile").unwrap_or_default())
            .or_insert_with_key(|name| input(name));
        cases += 1;
        match (as_expected(case, input), differences.get(name)) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => _ = met.insert(name),
            (Ok(()), Some(_)) => {
                failed.push(format!("{name}: passes, and stands among differences"));
            }
            (Err(why), None) => {
                let text = &case.child("expression").expect("an expression").text;
                failed.push(format!("{name}: {text}: {why}"));
            }
        }
    }
    let passed = cases - failed.len() - met.len();
    eprintln!("HL7's FHIRPath suite: {passed} of {cases} cases pass, {} differ", met.len());
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n"));
    assert_eq!(met.len(), differences.len(), "every difference is a case");
    assert!(passed * 100 >= cases * 98);
}
