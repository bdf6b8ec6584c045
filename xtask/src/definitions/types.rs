//! `types.txt`: the types of R4 and their elements. A line `= NAME CLASS BASE` begins a type,
//! `!` lines are its invariants, `:` lines its elements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{expression, items, line, tail, text, value_set};

const HEAD: &str = "\
# The types of FHIR R4 (4.0.1), made by `cargo xtask definitions`; HL7's definitions are CC0.
# = name class base [abstract]
# ! key severity TAB expression TAB words
# : name min..max types [s:summary] [m:modifier] [b=strength:value set] [i=invariants]
";

/// What a type's own root and its ancestors' roots require.
type Roots = BTreeMap<String, BTreeSet<String>>;

/// The whole table.
pub(super) fn table(structures: &[Value]) -> Result<String, String> {
    let chosen: Vec<&Value> = structures.iter().filter(|one| is_type(one)).collect();
    let roots: Roots =
        chosen.iter().map(|one| (text(one, "name").to_owned(), root_keys(one))).collect();
    let mut out = HEAD.to_owned();
    for structure in chosen {
        Writer { structure, roots: &roots, out: &mut out }.write()?;
    }
    Ok(out)
}

fn is_type(structure: &Value) -> bool {
    structure["resourceType"] == "StructureDefinition"
        && structure["kind"] != "logical"
        && (structure["derivation"] != "constraint"
            || text(structure, "name").ends_with("Quantity"))
}

fn root_keys(structure: &Value) -> BTreeSet<String> {
    let root = &items(&structure["snapshot"], "element")[0];
    items(root, "constraint").iter().map(|one| text(one, "key").to_owned()).collect()
}

struct Writer<'a> {
    structure: &'a Value,
    roots: &'a Roots,
    out: &'a mut String,
}

impl Writer<'_> {
    fn write(&mut self) -> Result<(), String> {
        let structure = self.structure;
        let name = text(structure, "name");
        let elements = items(&structure["snapshot"], "element");
        let base = match text(structure, "baseDefinition") {
            "" => "-",
            url => tail(url),
        };
        let class = match text(structure, "kind") {
            "primitive-type" => "primitive",
            "complex-type" => "complex",
            kind => kind,
        };
        let note = if structure["abstract"] == true { " abstract" } else { "" };
        self.section(name, class, base, note);
        let prefix = text(structure, "type").to_owned();
        self.invariants(elements);
        self.elements(&prefix, class, elements)?;
        for element in &elements[1..] {
            let path = text(element, "path");
            let nested = elements.iter().any(|other| parent(text(other, "path")) == path);
            if nested {
                let base = text(&items(element, "type")[0], "code");
                self.section(path, "nested", base, "");
                self.elements(path, "nested", elements)?;
            }
        }
        Ok(())
    }

    fn section(&mut self, name: &str, class: &str, base: &str, note: &str) {
        let _ = writeln!(self.out, "= {name} {class} {base}{note}");
    }

    /// The invariants that this type adds to what its base and its elements' types have.
    fn invariants(&mut self, elements: &[Value]) {
        let mut seen = BTreeSet::new();
        for element in elements {
            for one in self.own_invariants(element) {
                if seen.insert(text(one, "key").to_owned()) {
                    let _ = writeln!(
                        self.out,
                        "! {} {}\t{}\t{}",
                        text(one, "key"),
                        text(one, "severity"),
                        expression(one),
                        line(text(one, "human")),
                    );
                }
            }
        }
    }

    fn own_invariants<'b>(&self, element: &'b Value) -> Vec<&'b Value> {
        let path = text(element, "path");
        let mut inherited: BTreeSet<&str> = BTreeSet::new();
        if path.contains('.') {
            for one in items(element, "type") {
                inherited.extend(self.keys_of(text(one, "code")));
            }
            inherited.insert("ele-1");
        } else {
            inherited.extend(self.keys_of(tail(text(self.structure, "baseDefinition"))));
        }
        items(element, "constraint")
            .iter()
            .filter(|one| !inherited.contains(text(one, "key")))
            .collect()
    }

    fn keys_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.roots.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The elements right below a path that the base does not already have.
    fn elements(&mut self, path: &str, class: &str, all: &[Value]) -> Result<(), String> {
        if path == text(self.structure, "type") && !self.own_invariants(&all[0]).is_empty() {
            let keys = self.keys(&all[0]);
            let _ = writeln!(self.out, ": .{keys}");
        }
        for element in all {
            let own = text(element, "path");
            let defined = text(&element["base"], "path");
            let adds = if self.structure["derivation"] == "constraint" {
                element["max"] != element["base"]["max"]
            } else {
                defined == own || defined.is_empty()
            };
            if parent(own) == path && adds && class != "primitive" {
                let text = self.element(element)?;
                self.out.push_str(&text);
            }
        }
        Ok(())
    }

    fn element(&self, element: &Value) -> Result<String, String> {
        let path = text(element, "path");
        let name = path.rsplit('.').next().unwrap_or(path);
        let mut out = format!(": {name} {}..{} ", element["min"], text(element, "max"));
        out.push_str(&types(element, self.is_nested(path)).ok_or(format!("{path}: no type"))?);
        if element["isSummary"] == true {
            out.push_str(" s");
        }
        if element["isModifier"] == true {
            out.push_str(" m");
        }
        let binding = &element["binding"];
        if let Some(url) = binding["valueSet"].as_str() {
            let _ = write!(out, " b={}:{}", text(binding, "strength"), value_set(url));
        }
        out.push_str(&self.keys(element));
        out.push('\n');
        Ok(out)
    }

    fn is_nested(&self, path: &str) -> bool {
        let elements = items(&self.structure["snapshot"], "element");
        elements.iter().any(|other| parent(text(other, "path")) == path)
    }

    fn keys(&self, element: &Value) -> String {
        let keys: Vec<&str> =
            self.own_invariants(element).into_iter().map(|one| text(one, "key")).collect();
        if keys.is_empty() { String::new() } else { format!(" i={}", keys.join(",")) }
    }
}

/// An element's types: `string`, `Reference(Patient,Group)`, `Quantity<SimpleQuantity>`, or the
/// path of the element that this one's content is like.
fn types(element: &Value, nested: bool) -> Option<String> {
    let path = text(element, "path");
    if let Some(like) = element["contentReference"].as_str() {
        return Some(like.trim_start_matches('#').to_owned());
    }
    if nested {
        return Some(path.to_owned());
    }
    if matches!(path, "Resource.id") {
        return Some("id".to_owned());
    }
    let all: Vec<String> = items(element, "type").iter().map(one_type).collect();
    (!all.is_empty()).then(|| all.join("|"))
}

/// One of an element's types.
pub(super) fn one_type(one: &Value) -> String {
    let fhir = items(one, "extension").iter().find_map(|extension| extension["valueUrl"].as_str());
    let code = match text(one, "code") {
        code if code.starts_with("http:") => fhir.unwrap_or("string"),
        code => code,
    };
    let targets: Vec<&str> = items(one, "targetProfile")
        .iter()
        .filter_map(Value::as_str)
        .map(tail)
        .filter(|target| *target != "Resource")
        .collect();
    let mut out = code.to_owned();
    if let Some(profile) = items(one, "profile").first().and_then(Value::as_str) {
        let _ = write!(out, "<{}>", tail(profile));
    }
    if !targets.is_empty() {
        let _ = write!(out, "({})", targets.join(","));
    }
    out
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}
