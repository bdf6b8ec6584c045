//! `cargo xtask definitions FOLDER`: makes the tables of `protocol/fhir/definitions` from HL7's
//! own JSON. The folder holds `profiles-resources.json`, `profiles-types.json`,
//! `extension-definitions.json`, `valuesets.json`, `v3-codesystems.json`, `v2-tables.json` and
//! the US Core package as `package/`. The same input gives the same bytes.

mod profiles;
mod search;
mod terminology;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{Outcome, root, say};

/// Where the tables go.
const TABLES: &str = "protocol/fhir/definitions";
/// Where the tables of search go.
const SEARCH: &str = "protocol/search/tables";

/// Writes every table.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [folder] = arguments else {
        return Err("usage: cargo xtask definitions FOLDER".to_owned());
    };
    let folder = Path::new(folder);
    write(TABLES, &tables(folder)?)?;
    write(SEARCH, &search::tables(folder)?)
}

fn write(place: &str, tables: &[(&str, String)]) -> Outcome {
    for (name, text) in tables {
        let path = root().join(place).join(name);
        fs::write(&path, text).map_err(|cause| format!("{}: {cause}", path.display()))?;
        say(&format!("{place}/{name}: {} bytes", text.len()));
    }
    Ok(())
}

/// Every table by its file name.
fn tables(folder: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let read = |name: &str| resources_of(&folder.join(name));
    let mut structures = read("profiles-types.json")?;
    structures.extend(read("profiles-resources.json")?);
    let us_core = package(&folder.join("package"))?;
    let mut profiles = of_type(&us_core, "StructureDefinition");
    let extensions = read("extension-definitions.json")?;
    profiles.extend(of_type(&extensions, "StructureDefinition"));
    let mut terminology = Vec::new();
    for name in ["valuesets.json", "v3-codesystems.json", "v2-tables.json"] {
        terminology.extend(read(name)?);
    }
    terminology.extend(us_core.iter().cloned());
    let systems = of_type(&terminology, "CodeSystem");
    Ok(vec![
        ("types.txt", types::table(&structures)?),
        ("profiles.txt", profiles::table(&structures, &profiles)),
        ("codesystems.txt", terminology::code_systems(&systems)),
        ("valuesets.txt", terminology::value_sets(&of_type(&terminology, "ValueSet"), &systems)),
    ])
}

/// The resources of one type by their addresses; of two with one address, the later.
fn of_type<'a>(resources: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let mut by_url = BTreeMap::new();
    for one in resources.iter().filter(|one| one["resourceType"] == kind) {
        by_url.insert(text(one, "url"), one);
    }
    by_url.into_values().collect()
}

/// The definitions of a package's folder.
fn package(folder: &Path) -> Result<Vec<Value>, String> {
    let listed = fs::read_dir(folder).map_err(|cause| format!("{}: {cause}", folder.display()))?;
    let mut paths: Vec<_> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_definition = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        ["StructureDefinition-", "ValueSet-", "CodeSystem-"]
            .iter()
            .any(|head| name.starts_with(head))
    };
    paths.iter().filter(is_definition).map(|path| json(path)).collect()
}

/// The resources of a bundle.
fn resources_of(path: &Path) -> Result<Vec<Value>, String> {
    let mut bundle = json(path)?;
    let entries = bundle["entry"].as_array_mut().ok_or(format!("{}: no bundle", path.display()))?;
    Ok(entries.iter_mut().map(|entry| entry["resource"].take()).collect())
}

fn json(path: &Path) -> Result<Value, String> {
    let text = fs::read(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    serde_json::from_slice(&text).map_err(|cause| format!("{}: {cause}", path.display()))
}

/// The items of an array member; none where it is missing.
fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// The text of a member; empty where it is missing.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// What follows the last slash of a canonical address.
fn tail(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// A value set's address, short where it is HL7's own.
fn value_set(url: &str) -> &str {
    let url = url.strip_suffix("|4.0.1").unwrap_or(url);
    url.strip_prefix("http://hl7.org/fhir/ValueSet/").unwrap_or(url)
}

/// Rules that HL7 wrote for engines that take collections and types less strictly than FHIRPath
/// says, and what was meant.
const MEANT: [(&str, &str); 3] = [
    ("descendants().as(", "descendants().ofType("),
    ("answer is Boolean", "answer is boolean"),
    ("telecom or endpoint", "telecom.exists() or endpoint.exists()"),
];

/// A rule's expression on one line, as it was meant.
fn expression(rule: &Value) -> String {
    let own = line(text(rule, "expression"));
    MEANT.iter().fold(own, |own, (wrote, meant)| own.replace(wrote, meant))
}

/// One line without tabs and line ends, which part the table's fields.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::command;

    /// HL7's JSON, unpacked from the material beside the project.
    fn unpacked() -> Option<PathBuf> {
        let shared = root().join("../shared/fhir");
        let folder = root().join("target/fhir/definitions");
        for name in ["hl7-r4-definitions-from-medplum-5.2.13.tar.zst", "us_core_610.tgz"] {
            let archive = shared.join(name);
            if !archive.is_file() {
                say(&format!("skipped: no ../shared/fhir/{name}"));
                return None;
            }
            fs::create_dir_all(&folder).unwrap();
            let (archive, folder) = (archive.to_str().unwrap(), folder.to_str().unwrap());
            let kind = if name.ends_with("zst") { "--zstd" } else { "--gzip" };
            let arguments = ["-x", kind, "-f", archive, "-C", folder];
            if !command("tar", &arguments).status().is_ok_and(|status| status.success()) {
                say(&format!("skipped: tar cannot unpack {name}"));
                return None;
            }
        }
        Some(folder)
    }

    #[test]
    fn the_tables_are_those_that_hl7s_definitions_give() {
        let Some(folder) = unpacked() else { return };
        for (place, tables) in
            [(TABLES, tables(&folder).unwrap()), (SEARCH, search::tables(&folder).unwrap())]
        {
            for (name, text) in tables {
                let own = fs::read_to_string(root().join(place).join(name)).unwrap();
                assert!(own == text, "{place}/{name} is not what `cargo xtask definitions` makes");
            }
        }
    }
}
