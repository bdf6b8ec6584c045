//! Where the material is, unpacked below `target/fhir` when it is first needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the official examples.
pub(crate) fn examples() -> Option<PathBuf> {
    let folder = root().join("target/fhir/hl7.fhir.r4.examples/package");
    let there = folder.is_dir();
    if !there {
        eprintln!("skipped: no official examples in target/fhir/hl7.fhir.r4.examples");
    }
    there.then_some(folder)
}

/// The folder with an archive of `../shared/fhir`, unpacked.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let folder = root().join("../shared/fhir");
    let kinds = [("tar.zst", "--zstd"), ("tgz", "--gzip")];
    let archive = |(end, how)| (folder.join(format!("{name}.{end}")), how);
    let Some((archive, how)) = kinds.map(archive).into_iter().find(|(path, _)| path.is_file())
    else {
        eprintln!("skipped: no {name} in ../shared/fhir");
        return None;
    };
    let folder = root().join("target/fhir").join(name);
    if !folder.is_dir() {
        let part = root().join("target/fhir").join(format!("{name}.{}", std::process::id()));
        fs::create_dir_all(&part).unwrap();
        let status =
            Command::new("tar").arg(how).arg("-xf").arg(&archive).arg("-C").arg(&part).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("skipped: tar cannot unpack {name}");
            return None;
        }
        // Another test may have been faster.
        let _ = fs::rename(&part, &folder);
    }
    Some(folder)
}

/// All files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    out
}
