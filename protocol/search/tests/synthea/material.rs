//! The bundles as resources.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const NAME: &str = "synthea-r4-transaction-58";

/// The bundles, unpacked below `target/fhir` when they are first needed.
fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let archive = root.join("../shared/fhir").join(format!("{NAME}.tar.zst"));
    let folder = root.join("target/fhir").join(NAME);
    if !folder.is_dir() {
        if !archive.is_file() {
            eprintln!("skipped: no ../shared/fhir/{NAME}.tar.zst");
            return None;
        }
        let part = root.join("target/fhir").join(format!("{NAME}.{}", std::process::id()));
        fs::create_dir_all(&part).unwrap();
        let mut unpack = Command::new("tar");
        unpack.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&part);
        if !unpack.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: tar cannot unpack {NAME}");
            return None;
        }
        // Another test may have been faster.
        let _ = fs::rename(&part, &folder);
    }
    Some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The resources of some bundles, each with an id, references between them resolved.
pub(crate) fn resources(most: usize) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    for path in files(&folder()?).into_iter().take(most) {
        let bundle: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        let place = |entry: &Value| {
            let url = entry["fullUrl"].as_str().unwrap().to_owned();
            let id = url.rsplit(':').next().unwrap().to_owned();
            (url, format!("{}/{id}", entry["resource"]["resourceType"].as_str().unwrap()))
        };
        let places: HashMap<String, String> = entries.iter().map(place).collect();
        for entry in entries {
            let mut resource = entry["resource"].clone();
            resolve(&mut resource, &places);
            let (_, id) = places[entry["fullUrl"].as_str().unwrap()].split_once('/').unwrap();
            resource["id"] = Value::from(id);
            found.push(resource);
        }
    }
    Some(found)
}

fn resolve(value: &mut Value, places: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(place) = places.get(text) {
                text.clone_from(place);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, places)),
        Value::Object(members) => members.values_mut().for_each(|item| resolve(item, places)),
        _ => {}
    }
}
