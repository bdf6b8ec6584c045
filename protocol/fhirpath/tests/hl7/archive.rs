//! HL7's test files, out of their archive.

use std::path::PathBuf;
use std::process::Command;

/// The archive, where it is present.
fn archive() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/fhir/fhir-test-cases-r4-subset.tar.zst");
    path.exists().then_some(path)
}

/// One file of the archive; `None` where the archive, or the file in it, is absent.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let Some(archive) = archive() else {
        eprintln!("skipped: HL7's test cases are not in ../shared/fhir");
        return None;
    };
    let tar = Command::new("tar").arg("--zstd").arg("-xOf").arg(archive).arg(name).output();
    tar.ok().filter(|tar| tar.status.success()).map(|tar| tar.stdout)
}

/// The names of the files in a folder of it.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let Some(archive) = archive() else { return Vec::new() };
    let tar = Command::new("tar").arg("--zstd").arg("-tf").arg(archive).output();
    let names = tar.map(|tar| String::from_utf8(tar.stdout).unwrap()).unwrap_or_default();
    names.lines().filter(|name| name.starts_with(folder)).map(str::to_owned).collect()
}

/// The same as text.
pub(crate) fn text(name: &str) -> Option<String> {
    String::from_utf8(file(name)?).ok()
}
