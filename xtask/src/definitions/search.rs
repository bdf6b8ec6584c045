//! `protocol/search`'s tables: the search parameters of R4 and US Core, one line for each type
//! of resource and code, and the parameters by which a resource is a patient's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{items, json, line, resources_of, text};

const HEAD: &str = "\
# The search parameters of FHIR R4 (4.0.1) and US Core 6.1.0, made by `cargo xtask definitions`;
# both are CC0.
# type TAB code TAB kind TAB targets TAB url TAB expression [TAB definition = expression; ...]
";
const PATIENTS: &str = "\
# The patient compartment of FHIR R4 (4.0.1), made by `cargo xtask definitions`; CC0.
# type and the search parameters that make a resource a patient's
";
/// What most definitions' addresses begin with; the table leaves it out.
const BASE: &str = "http://hl7.org/fhir/SearchParameter/";

/// A parameter that lists more types of targets than this means all.
const TARGETS_MANY: usize = 100;

/// Both tables by their file names.
pub(super) fn tables(folder: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let mut all = resources_of(&folder.join("search-parameters.json"))?;
    let mut names: Vec<_> = fs::read_dir(folder.join("package"))
        .map_err(|cause| cause.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("SearchParameter-"))
        .collect();
    names.sort();
    for name in names {
        all.push(json(&name)?);
    }
    let compartment = json(&folder.join("compartmentdefinition-patient.json"))?;
    Ok(vec![("parameters.txt", parameters(&all)?), ("patients.txt", patients(&compartment)?)])
}

/// R4's come first; one of US Core with the same type and code says the same again.
fn parameters(all: &[Value]) -> Result<String, String> {
    let mut lines: BTreeMap<(String, String), String> = BTreeMap::new();
    for parameter in all {
        let code = text(parameter, "code");
        for base in items(parameter, "base").iter().filter_map(Value::as_str) {
            let inherited = lines.contains_key(&("Resource".to_owned(), code.to_owned()));
            let key = (base.to_owned(), code.to_owned());
            if !inherited && !lines.contains_key(&key) {
                lines.insert(key, parameter_line(base, parameter)?);
            }
        }
    }
    let mut out = HEAD.to_owned();
    for line in lines.into_values() {
        out.push_str(&line);
    }
    Ok(out)
}

fn parameter_line(base: &str, parameter: &Value) -> Result<String, String> {
    let (code, url) = (text(parameter, "code"), text(parameter, "url"));
    let mut targets: Vec<&str> =
        items(parameter, "target").iter().filter_map(Value::as_str).collect();
    if targets.len() > TARGETS_MANY {
        targets = vec!["*"];
    }
    let mut out = format!(
        "{base}\t{code}\t{}\t{}\t{}\t{}",
        text(parameter, "type"),
        targets.join(","),
        url.strip_prefix(BASE).unwrap_or(url),
        of_type(base, text(parameter, "expression")),
    );
    for (at, component) in items(parameter, "component").iter().enumerate() {
        let definition = text(component, "definition");
        let before = if at == 0 { "\t" } else { "; " };
        let definition = definition.strip_prefix(BASE).unwrap_or(definition);
        write!(out, "{before}{definition} = {}", line(text(component, "expression")))
            .map_err(|cause| cause.to_string())?;
    }
    out.push('\n');
    Ok(out)
}

/// The alternatives of an expression that are about this type.
fn of_type(base: &str, expression: &str) -> String {
    let about = |alternative: &&str| {
        let first: String = alternative
            .trim_start_matches('(')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        first == base || first.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let kept: Vec<&str> = expression.split('|').map(str::trim).filter(about).collect();
    line(&kept.join(" | "))
}

fn patients(compartment: &Value) -> Result<String, String> {
    let mut out = PATIENTS.to_owned();
    for resource in items(compartment, "resource") {
        let parameters: Vec<&str> =
            items(resource, "param").iter().filter_map(Value::as_str).collect();
        if !parameters.is_empty() {
            writeln!(out, "{} {}", text(resource, "code"), parameters.join(" "))
                .map_err(|cause| cause.to_string())?;
        }
    }
    Ok(out)
}
