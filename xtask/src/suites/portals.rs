//! The web pages' packages: what their suites need of Node and npm, and how `dist` is compared
//! with what a build makes. It belongs to the suites of `outside/portals`.
//! A machine without Node skips them by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::shell::{Outcome, has, output, root, run};

/// Where the packages are.
const PORTALS: &str = "outside/portals";
/// The oldest Node with all that the packages use.
const NODE_MAJOR_MIN: u32 = 20;

/// Installs the packages that `package-lock.json` names, unless they are there; the error says
/// why that cannot be done here.
pub(super) fn ready() -> Outcome {
    if !has("npm", "--version") || node_major().is_none_or(|major| major < NODE_MAJOR_MIN) {
        return Err(format!("Node {NODE_MAJOR_MIN} or newer and npm are not installed"));
    }
    let folder = root().join(PORTALS);
    let changed = |name: &str| modified(&folder.join(name));
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    let place = folder.to_string_lossy().into_owned();
    run("npm", &["ci", "--prefix", &place, "--no-audit", "--no-fund", "--loglevel", "error"])
        .map_err(|_| "the packages of package-lock.json could not be fetched".to_owned())
}

fn node_major() -> Option<u32> {
    let version = output("node", &["--version"]).ok()?;
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// Whether two folders hold the same files with the same bytes; the error names the first that
/// differs.
pub(super) fn same(committed: &Path, built: &Path) -> Outcome {
    let (ours, theirs) = (files(committed)?, files(built)?);
    if let Some(name) = ours.iter().chain(&theirs).find(|name| {
        !matches!(
            (fs::read(committed.join(name)), fs::read(built.join(name))),
            (Ok(one), Ok(other)) if one == other
        )
    }) {
        let name = name.display();
        return Err(format!("{}: a build makes another {name}", committed.display()));
    }
    Ok(())
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |cause| format!("{}: {cause}", folder.display());
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(folder.join(&below)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = below.join(entry.file_name());
            let into = if entry.path().is_dir() { &mut open } else { &mut found };
            into.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_differ_in_a_byte_or_a_file_are_told_apart() {
        let home = std::env::temp_dir().join(format!("autoclave-portals-{}", std::process::id()));
        let (one, other) = (home.join("one"), home.join("other"));
        for folder in [&one, &other] {
            fs::create_dir_all(folder.join("assets")).unwrap();
            fs::write(folder.join("assets/a.js"), "a").unwrap();
        }
        assert_eq!(same(&one, &other), Ok(()));
        fs::write(other.join("assets/a.js"), "b").unwrap();
        assert!(same(&one, &other).unwrap_err().contains("a.js"));
        fs::write(other.join("assets/a.js"), "a").unwrap();
        fs::write(other.join("more.js"), "").unwrap();
        assert!(same(&one, &other).unwrap_err().contains("more.js"));
        fs::remove_dir_all(&home).unwrap();
    }
}
