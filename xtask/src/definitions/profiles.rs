//! `profiles.txt`: US Core's profiles, and extensions. Of each, only the elements in which it
//! differs from the types of R4 are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{expression, items, line, text, types, value_set};

const HEAD: &str = "\
# Profiles and extensions of FHIR R4 (4.0.1) and US Core 6.1.0, made by `cargo xtask definitions`;
# HL7's definitions are CC0.
# = url|version type [c=context] [m:modifier]
# ! key severity TAB expression TAB words
# : element id [min..max] [t=types] [ms:must support] [b=strength:value set] [x=maximal value set]
#   [d=rules:discriminator type:path,...] [i=invariants] [TAB fixed or pattern TAB value]
";

/// An element of the base type by its path.
type Base<'a> = BTreeMap<&'a str, &'a Value>;

/// The whole table.
pub(super) fn table(structures: &[Value], profiles: &[&Value]) -> String {
    let mut base = Base::new();
    for structure in structures.iter().filter(|one| one["derivation"] != "constraint") {
        for element in items(&structure["snapshot"], "element") {
            base.entry(text(element, "path")).or_insert(element);
        }
    }
    let mut out = HEAD.to_owned();
    for profile in profiles {
        write(profile, &base, &mut out);
    }
    out
}

fn write(profile: &Value, base: &Base<'_>, out: &mut String) {
    let elements = items(&profile["snapshot"], "element");
    let _ = write!(
        out,
        "= {}|{} {}",
        text(profile, "url"),
        text(profile, "version"),
        text(profile, "type")
    );
    let contexts: Vec<&str> =
        items(profile, "context").iter().map(|one| text(one, "expression")).collect();
    if !contexts.is_empty() {
        let _ = write!(out, " c={}", contexts.join(","));
    }
    out.push_str(if elements[0]["isModifier"] == true { " m\n" } else { "\n" });
    let mut seen = BTreeSet::new();
    for element in elements {
        for one in added(element, base) {
            if seen.insert(text(one, "key")) {
                let _ = writeln!(
                    out,
                    "! {} {}\t{}\t{}",
                    text(one, "key"),
                    text(one, "severity"),
                    expression(one),
                    line(text(one, "human")),
                );
            }
        }
    }
    for element in elements {
        if let Some(differs) = difference(element, base) {
            let _ = writeln!(out, ": {}{differs}", text(element, "id"));
        }
    }
}

/// What stands under an element's path in the types of R4.
fn like<'a>(element: &Value, base: &Base<'a>) -> Option<&'a Value> {
    base.get(text(&element["base"], "path")).copied()
}

/// The rules that the profile adds to an element; every element has `ele-1`.
fn added<'a>(element: &'a Value, base: &Base<'_>) -> Vec<&'a Value> {
    let kinds = items(element, "type").iter().map(|one| text(one, "code"));
    let known: BTreeSet<&str> = kinds
        .chain([text(element, "path"), text(&element["base"], "path")])
        .filter_map(|path| base.get(path).copied())
        .flat_map(|one| items(one, "constraint"))
        .map(|rule| text(rule, "key"))
        .chain(["ele-1", "ext-1"])
        .collect();
    items(element, "constraint")
        .iter()
        .filter(|one| !known.contains(text(one, "key")) && !text(one, "expression").is_empty())
        .collect()
}

/// In what an element differs from that of the type; `None`: in nothing.
fn difference(element: &Value, base: &Base<'_>) -> Option<String> {
    let mut out = String::new();
    let like = like(element, base);
    let (min, max) = (&element["min"], &element["max"]);
    let is_root = !text(element, "path").contains('.');
    let is_slice = element["sliceName"].is_string();
    if !is_root && (is_slice || *min != element["base"]["min"] || *max != element["base"]["max"]) {
        let _ = write!(out, " {min}..{}", max.as_str().unwrap_or("*"));
    }
    let kinds =
        |one: &Value| -> Vec<String> { items(one, "type").iter().map(types::one_type).collect() };
    let own = kinds(element);
    let is_id = text(element, "path").rsplit('.').next() == Some("id");
    if !is_root && !is_id && !own.is_empty() && like.is_none_or(|like| kinds(like) != own) {
        let _ = write!(out, " t={}", own.join("|"));
    }
    if element["mustSupport"] == true {
        out.push_str(" ms");
    }
    out.push_str(&bindings(element, like));
    out.push_str(&slicing(element));
    let rules: Vec<&str> = added(element, base).into_iter().map(|one| text(one, "key")).collect();
    if !rules.is_empty() {
        let _ = write!(out, " i={}", rules.join(","));
    }
    let is_own_url = text(element, "path") == "Extension.url" && !text(element, "id").contains(':');
    for (name, value) in element.as_object().into_iter().flatten() {
        let how = ["fixed", "pattern"].into_iter().find(|how| name.starts_with(how));
        if let (Some(how), false) = (how, is_own_url) {
            let _ = write!(out, "\t{how}\t{}", sorted(value));
        }
    }
    (!out.is_empty()).then_some(out)
}

fn bindings(element: &Value, like: Option<&Value>) -> String {
    let mut out = String::new();
    let binding = &element["binding"];
    let part =
        |one: &Value, name: &str| one["binding"][name].as_str().map(value_set).map(str::to_owned);
    let changed = like.is_none_or(|like| {
        part(like, "valueSet") != part(element, "valueSet")
            || like["binding"]["strength"] != binding["strength"]
    });
    if let (Some(url), true) = (binding["valueSet"].as_str(), changed)
        && binding["strength"] != "example"
    {
        let _ = write!(out, " b={}:{}", text(binding, "strength"), value_set(url));
    }
    let maximal =
        items(binding, "extension").iter().find(|one| text(one, "url").ends_with("maxValueSet"));
    if let (Some(url), true) = (maximal.and_then(|one| one["valueCanonical"].as_str()), changed) {
        let _ = write!(out, " x={}", value_set(url));
    }
    out
}

/// How an element is sliced; extensions are by their address, which goes without saying.
fn slicing(element: &Value) -> String {
    let slicing = &element["slicing"];
    let discriminators: Vec<String> = items(slicing, "discriminator")
        .iter()
        .map(|one| format!("{}:{}", text(one, "type"), text(one, "path")))
        .collect();
    if slicing.is_null() || discriminators == ["value:url"] {
        return String::new();
    }
    format!(" d={}:{}", text(slicing, "rules"), discriminators.join(","))
}

/// The same value with members in alphabetical order, whatever order the reader kept.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let by_name: BTreeMap<&String, &Value> = members.iter().collect();
            Value::Object(
                by_name.into_iter().map(|(name, one)| (name.clone(), sorted(one))).collect(),
            )
        }
        other => other.clone(),
    }
}
