//! Inputs that are kept: those that other runs found worth it, in `fuzz/corpus`, and genuine
//! evidence where the folder with it lies beside the repository. The runner's. Genuine
//! evidence is read, and never copied into the corpus.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Target;

/// Longest input that is tried (bytes): all parsers refuse what is longer.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;

/// The folder of everything about fuzzing.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where a target's inputs are kept.
pub fn kept(target: &Target) -> PathBuf {
    folder().join("corpus").join(target.name)
}

/// Everything to begin with, in one order everywhere; genuine evidence only if asked for.
pub fn begin(target: &Target, with_genuine: bool) -> Vec<Vec<u8>> {
    let mut all = (target.seeds)();
    all.extend(files(&kept(target)));
    if with_genuine {
        all.extend(target.genuine.iter().flat_map(|pattern| genuine(pattern)));
    }
    all.retain(|input| input.len() <= INPUT_BYTES_MAX);
    all.push(Vec::new());
    all
}

/// Keeps an input, under the name that says what came of it.
///
/// # Errors
/// Where the folder cannot be written.
pub fn keep(target: &Target, outcome: &str, input: &[u8]) -> std::io::Result<()> {
    let folder = kept(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(outcome), input)
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// Files of genuine evidence; a star stands for anything within a name.
fn genuine(pattern: &str) -> Vec<Vec<u8>> {
    let mut found = vec![folder().join("../../shared/evidence")];
    for part in pattern.split('/') {
        let mut next: Vec<PathBuf> = Vec::new();
        for folder in &found {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            next.extend(entries.map(|entry| entry.path()).filter(|path| fits(path, part)));
        }
        next.sort();
        found = next;
    }
    found.iter().filter_map(|path| fs::read(path).ok()).collect()
}

fn fits(path: &Path, pattern: &str) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let (mut rest, parts) = (name, pattern.split('*').collect::<Vec<_>>());
    for (at, part) in parts.iter().enumerate() {
        let place = match at {
            0 => rest.starts_with(part).then_some(0),
            _ if at + 1 == parts.len() => rest.len().checked_sub(part.len()),
            _ => rest.find(part),
        };
        match place.and_then(|place| rest.get(place..)?.strip_prefix(part)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_within_a_name() {
        let fits = |name: &str, pattern: &str| fits(Path::new(name), pattern);
        assert!(fits("quote.msg", "quote.*") && fits("x", "*") && fits("ak.pub", "ak.pub"));
        assert!(fits("snp_evidence-v1.json", "*_evidence-*.json"));
        assert!(!fits("quote.msg", "*.sig") && !fits("ak.public", "ak.pub"));
    }
}
