//! `cargo xtask sbom`: what each shipped binary and the web pages are made of, as
//! `CycloneDX` 1.6 under `target/sbom`. Made from what cargo resolves and from the lock
//! files' checksums. The same tree gives the same bytes: no time and no chance is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shell::{Outcome, root, say};
use crate::workspace::{Package, Workspace};

/// Where the files go.
const FOLDER: &str = "target/sbom";

/// The lock file of the web pages' packages, and their document's name.
const PAGES: (&str, &str) = ("outside/portals/package-lock.json", "autoclave-portals");

/// Writes one document for each binary that is shipped, and one for the pages.
pub(crate) fn run() -> Outcome {
    for (name, document) in documents()? {
        let path = root().join(FOLDER).join(format!("{name}.cdx.json"));
        fs::create_dir_all(root().join(FOLDER)).map_err(|cause| format!("{FOLDER}: {cause}"))?;
        fs::write(&path, format!("{document:#}\n"))
            .map_err(|cause| format!("{}: {cause}", path.display()))?;
        let parts = document["components"].as_array().map_or(0, Vec::len);
        say(&format!("{FOLDER}/{name}.cdx.json: {parts} components"));
    }
    Ok(())
}

/// The suite: a document exists for every binary, each part is named once, and every part
/// from a registry has its checksum and its licence.
pub(crate) fn check() -> Outcome {
    let mut findings = Vec::new();
    for (name, document) in documents()? {
        findings.extend(faults(&document).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    for finding in &findings {
        say(&format!("sbom: {finding}"));
    }
    if findings.is_empty() { run() } else { Err(format!("{} findings", findings.len())) }
}

fn documents() -> Result<Vec<(String, Value)>, String> {
    let workspace = Workspace::load()?;
    let checksums = checksums()?;
    let mut made = Vec::new();
    let mut shipped: Vec<_> = workspace.ours().filter(|package| is_shipped(package)).collect();
    shipped.sort_by(|a, b| a.name.cmp(&b.name));
    for package in shipped {
        made.push((package.name.clone(), of_binary(&workspace, package, &checksums)?));
    }
    if let Ok(text) = fs::read_to_string(root().join(PAGES.0)) {
        made.push((PAGES.1.to_owned(), of_pages(&text)?));
    }
    Ok(made)
}

/// Binaries of enclaves and of what runs outside; not the chores.
fn is_shipped(package: &Package) -> bool {
    let folder = package.folder();
    let layers = ["enclave", "outside"];
    folder.join("src/main.rs").exists()
        && layers.iter().any(|layer| folder.starts_with(root().join(layer)))
}

fn of_binary(
    workspace: &Workspace,
    binary: &Package,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value, String> {
    let crates = workspace.closure(binary)?;
    let named: BTreeSet<String> = crates.iter().map(|package| purl(package)).collect();
    let component = |package: &&Package| of_crate(package, checksums);
    let depends = |package: &&Package| {
        let on = workspace.direct(package).into_iter().map(purl);
        json!({"ref": purl(package), "dependsOn": on.filter(|one| named.contains(one)).collect::<BTreeSet<_>>()})
    };
    let parts: Vec<_> =
        crates.iter().filter(|package| package.id != binary.id).map(component).collect();
    let edges: Vec<_> = crates.iter().map(depends).collect();
    Ok(document(&of_crate(binary, checksums), &parts, &edges))
}

fn document(subject: &Value, components: &[Value], dependencies: &[Value]) -> Value {
    let mut subject = subject.clone();
    subject["type"] = json!("application");
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": dependencies,
    })
}

/// The package URL, which is its name in the document as well.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn of_crate(package: &Package, checksums: &BTreeMap<(String, String), String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(licence) = &package.license {
        // Crates of another age write a slash for OR.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    if let Some(sum) = checksums.get(&(package.name.clone(), package.version.clone())) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    component
}

#[derive(Deserialize)]
struct CargoLock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Checksums of registry crates by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>, String> {
    let text =
        fs::read_to_string(root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let lock: CargoLock = toml::from_str(&text).map_err(|e| format!("Cargo.lock: {e}"))?;
    let row = |locked: Locked| locked.checksum.map(|sum| ((locked.name, locked.version), sum));
    Ok(lock.package.into_iter().filter_map(row).collect())
}

#[derive(Deserialize)]
struct NpmLock {
    name: String,
    packages: BTreeMap<String, Npm>,
}

#[derive(Deserialize)]
struct Npm {
    version: Option<String>,
    integrity: Option<String>,
    license: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
}

/// The pages: what is bundled, and apart from it what only builds and tests them.
fn of_pages(lock: &str) -> Result<Value, String> {
    let lock: NpmLock = serde_json::from_str(lock).map_err(|e| format!("{}: {e}", PAGES.0))?;
    let subject = json!({"type": "application", "bom-ref": "pages", "name": lock.name});
    let in_registry = |(path, npm): (&String, &Npm)| of_npm(path, npm);
    let mut components: Vec<_> = lock.packages.iter().filter_map(in_registry).collect();
    components.sort_by_key(|component| component["bom-ref"].to_string());
    components.dedup_by_key(|component| component["bom-ref"].to_string());
    Ok(document(&subject, &components, &[json!({"ref": "pages"})]))
}

fn of_npm(path: &str, npm: &Npm) -> Option<Value> {
    let (_, name) = path.rsplit_once("node_modules/")?;
    let (version, integrity) = (npm.version.as_ref()?, npm.integrity.as_ref()?);
    if npm.link {
        return None;
    }
    let purl = format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1));
    let sum = STANDARD.decode(integrity.strip_prefix("sha512-")?).ok()?;
    let sum: String = sum.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": if npm.dev { "excluded" } else { "required" },
        "hashes": [{"alg": "SHA-512", "content": sum}],
    });
    if let Some(licence) = &npm.license {
        component["licenses"] = json!([{"expression": licence}]);
    }
    Some(component)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('?')
}

/// What is wrong with a document.
fn faults(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for component in document["components"].as_array().into_iter().flatten() {
        let name = component["bom-ref"].as_str().unwrap_or("a part without a name");
        if !seen.insert(name) {
            found.push(format!("{name} stands twice"));
        }
        let ours = name.starts_with("pkg:cargo/autoclave-");
        let sum = component["hashes"][0]["content"].as_str().map_or(0, str::len);
        if !ours && sum != 64 && sum != 128 {
            found.push(format!("{name} has no checksum"));
        }
        if component["licenses"].is_null() {
            found.push(format!("{name} names no licence"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_checksum_or_licence_or_named_twice_is_a_fault() {
        let good = json!({"bom-ref": "pkg:cargo/a@1", "licenses": [], "hashes": [{"content": "0".repeat(64)}]});
        let bare = json!({"bom-ref": "pkg:cargo/b@1"});
        let ours = json!({"bom-ref": "pkg:cargo/autoclave-x@1", "licenses": []});
        let with = |parts: Value| faults(&json!({ "components": parts }));
        assert!(with(json!([good, ours])).is_empty());
        assert_eq!(with(json!([bare])).len(), 2);
        assert_eq!(with(json!([good, good])).len(), 1);
    }

    #[test]
    fn npm_packages_are_named_as_package_urls() {
        let lock = json!({"name": "pages", "packages": {
            "": {"version": "1.0.0"},
            "node_modules/@hpke/core": {"version": "1.9.0", "license": "MIT", "integrity": "sha512-AQID"},
            "node_modules/own": {"version": "1.0.0", "link": true},
        }});
        let document = of_pages(&lock.to_string()).unwrap();
        assert_eq!(document["components"][0]["purl"], "pkg:npm/%40hpke/core@1.9.0");
        assert_eq!(document["components"][0]["hashes"][0]["content"], "010203");
        assert_eq!(document["components"].as_array().unwrap().len(), 1);
    }
}
