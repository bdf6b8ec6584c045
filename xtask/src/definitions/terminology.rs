//! `codesystems.txt` and `valuesets.txt`: codes with their displays and hierarchy, and what
//! each value set is composed of.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{items, line, text};

const SYSTEMS_HEAD: &str = "\
# Code systems of FHIR R4 (4.0.1), v2, v3 and US Core 6.1.0, made by `cargo xtask definitions`;
# HL7's definitions are CC0. Only systems whose codes HL7 publishes with FHIR are here.
# = url|version content [i:case does not matter] TAB name
# code TAB display [TAB !:abstract ~:retired >code,code:further children]; each leading space is
# one level of hierarchy
";

const SETS_HEAD: &str = "\
# Value sets of FHIR R4 (4.0.1), v2, v3 and US Core 6.1.0, made by `cargo xtask definitions`;
# HL7's definitions are CC0.
# = url|version TAB name
# + system, or - system to leave out; then each filter as TAB property TAB op TAB value
# &+ value set TAB value set, or &- to leave out: what is in all of them
# code [TAB display]: only these of the line above
";

/// The table of code systems. Supplements have no codes of their own.
pub(super) fn code_systems(systems: &[&Value]) -> String {
    let mut out = SYSTEMS_HEAD.to_owned();
    for system in systems.iter().filter(|one| one["content"] != "supplement") {
        let case = if system["caseSensitive"] == false { " i" } else { "" };
        let _ = writeln!(
            out,
            "= {} {}{case}\t{}",
            address(system),
            text(system, "content"),
            name(system),
        );
        concepts(items(system, "concept"), 0, &mut out);
    }
    out
}

fn address(resource: &Value) -> String {
    format!("{}|{}", text(resource, "url"), text(resource, "version").replace(' ', ""))
}

fn name(resource: &Value) -> String {
    line(resource["title"].as_str().unwrap_or_else(|| text(resource, "name")))
}

fn concepts(all: &[Value], depth: usize, out: &mut String) {
    for concept in all {
        let _ = write!(
            out,
            "{}{}\t{}",
            " ".repeat(depth),
            line(text(concept, "code")),
            line(text(concept, "display")),
        );
        let marks = marks(items(concept, "property"));
        if !marks.is_empty() {
            let _ = write!(out, "\t{marks}");
        }
        out.push('\n');
        concepts(items(concept, "concept"), depth + 1, out);
    }
}

fn marks(properties: &[Value]) -> String {
    let has = |code: &str| properties.iter().find(|one| one["code"] == code);
    let mut out = String::new();
    let is_abstract = ["notSelectable", "abstract"]
        .iter()
        .any(|code| has(code).is_some_and(|one| one["valueBoolean"] == true));
    if is_abstract {
        out.push('!');
    }
    let is_retired = has("status")
        .is_some_and(|one| matches!(one["valueCode"].as_str(), Some("retired" | "deprecated")));
    if is_retired {
        out.push('~');
    }
    let children: Vec<&str> = properties
        .iter()
        .filter(|one| one["code"] == "child")
        .filter_map(|one| one["valueCode"].as_str())
        .collect();
    if !children.is_empty() {
        let _ = write!(out, ">{}", children.join(","));
    }
    out
}

/// The table of value sets. A display that is the code system's own is not said again.
pub(super) fn value_sets(sets: &[&Value], systems: &[&Value]) -> String {
    let mut known = Displays::new();
    for system in systems {
        displays(text(system, "url"), items(system, "concept"), &mut known);
    }
    let mut out = SETS_HEAD.to_owned();
    for set in sets {
        let _ = writeln!(out, "= {}\t{}", address(set), name(set));
        for one in items(&set["compose"], "include") {
            rule('+', one, &known, &mut out);
        }
        for one in items(&set["compose"], "exclude") {
            rule('-', one, &known, &mut out);
        }
    }
    out
}

/// The display of a code by system and code.
type Displays<'a> = BTreeMap<(&'a str, &'a str), &'a str>;

fn displays<'a>(system: &'a str, concepts: &'a [Value], known: &mut Displays<'a>) {
    for concept in concepts {
        known.insert((system, text(concept, "code")), text(concept, "display"));
        displays(system, items(concept, "concept"), known);
    }
}

fn rule(mark: char, one: &Value, known: &Displays<'_>, out: &mut String) {
    let sets: Vec<&str> = items(one, "valueSet").iter().filter_map(Value::as_str).collect();
    if !sets.is_empty() {
        let _ = writeln!(out, "&{mark} {}", sets.join("\t"));
    }
    let system = text(one, "system");
    if system.is_empty() {
        return;
    }
    let _ = write!(out, "{mark} {system}");
    for filter in items(one, "filter") {
        let _ = write!(
            out,
            "\t{}\t{}\t{}",
            text(filter, "property"),
            text(filter, "op"),
            line(text(filter, "value")),
        );
    }
    out.push('\n');
    for concept in items(one, "concept") {
        let (code, display) = (text(concept, "code"), text(concept, "display"));
        out.push_str(&line(code));
        if !display.is_empty() && known.get(&(system, code)) != Some(&display) {
            let _ = write!(out, "\t{}", line(display));
        }
        out.push('\n');
    }
}
