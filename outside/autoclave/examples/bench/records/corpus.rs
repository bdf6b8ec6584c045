//! The bundles that are posted: Synthea's, without the ids that a server has to ignore.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Any;

/// All of it, as bytes to send.
pub(super) struct Corpus {
    pub(super) bundles: Vec<Vec<u8>>,
    pub(super) resources: usize,
    /// Family names of the patients.
    pub(super) families: Vec<String>,
    /// A resource to create over and over, without references.
    pub(super) single: Vec<u8>,
}

impl Corpus {
    /// Reads the transaction bundles in a folder.
    pub(super) fn read(folder: &Path) -> Any<Self> {
        let mut all = Self { bundles: vec![], resources: 0, families: vec![], single: vec![] };
        let mut paths: Vec<_> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Any<_>>()?;
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "json")) {
            all.add(serde_json::from_slice(&fs::read(path)?)?)?;
        }
        if all.bundles.is_empty() { Err("no bundles in the folder".into()) } else { Ok(all) }
    }

    fn add(&mut self, mut bundle: Value) -> Any<()> {
        let entries = bundle["entry"].as_array_mut().ok_or("a bundle without entries")?;
        self.resources += entries.len();
        for entry in entries {
            let resource = entry["resource"].as_object_mut().ok_or("an entry without resource")?;
            resource.remove("id");
            if resource["resourceType"] == "Patient" {
                self.families.extend(resource["name"][0]["family"].as_str().map(str::to_owned));
                if self.single.is_empty() {
                    self.single = serde_json::to_vec(resource)?;
                }
            }
        }
        self.bundles.push(serde_json::to_vec(&bundle)?);
        Ok(())
    }
}
