//! What each enclave trusts: crates, lines and lines with `unsafe`, counted in the sources
//! that cargo would build, kept in `enclave/TCB.lock`. A change of it is a change that
//! somebody must have seen; this fails when the file and the tree disagree.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::shell::{Outcome, root, say};
use crate::workspace::{Package, Workspace};

const LOCK: &str = "enclave/TCB.lock";
const HEADER: &str = "\
# What each enclave is built of: every crate that its shipped code depends on.
# Made by `cargo xtask tcb --write`; `cargo xtask test` fails when it is out of date.
# Columns: crate, version, source (ours, registry), lines of Rust, lines with `unsafe`
# (whole crate, code for other platforms and comments included).
";

#[derive(Default, Clone, Copy)]
struct Count {
    lines: usize,
    unsafe_lines: usize,
}

/// The chore: `--write` renews the file, otherwise a difference is an error.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let now = report(&Workspace::load()?, say)?;
    let path = root().join(LOCK);
    if arguments.iter().any(|argument| argument == "--write") {
        return fs::write(&path, now).map_err(|cause| format!("{LOCK}: {cause}"));
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept == now {
        return Ok(());
    }
    for line in now.lines().filter(|line| !kept.contains(line)).take(20) {
        say(&format!("  now: {line}"));
    }
    Err(format!("{LOCK} is out of date: look at the difference, then `cargo xtask tcb --write`"))
}

/// The file's text; `tell` hears a line about each enclave, with our own lines as well,
/// which change with every commit and therefore are not kept in the file.
fn report(workspace: &Workspace, tell: fn(&str)) -> Result<String, String> {
    let mut text = HEADER.to_owned();
    let mut enclaves: Vec<_> = workspace.ours().filter(|package| is_enclave(package)).collect();
    enclaves.sort_by(|a, b| a.name.cmp(&b.name));
    for enclave in enclaves {
        let (section, ours) = section(workspace, enclave)?;
        tell(&format!(
            "{}; ours {} lines, {} with unsafe",
            section.lines().next().unwrap_or_default(),
            ours.lines,
            ours.unsafe_lines
        ));
        text.push('\n');
        text.push_str(&section);
    }
    Ok(text)
}

fn is_enclave(package: &Package) -> bool {
    package.folder().starts_with(root().join("enclave"))
        && package.folder().join("src/main.rs").exists()
}

fn section(workspace: &Workspace, enclave: &Package) -> Result<(String, Count), String> {
    let (mut ours, mut others) = (Count::default(), Count::default());
    let mut rows = String::new();
    let crates = workspace.closure(enclave)?;
    for package in &crates {
        let count = count_folder(&package.folder())?;
        let total = if package.is_ours() { &mut ours } else { &mut others };
        total.lines += count.lines;
        total.unsafe_lines += count.unsafe_lines;
        row(&mut rows, package, count);
    }
    let head = format!(
        "[{}] {} crates, {} lines from registries, {} with unsafe",
        enclave.name,
        crates.len(),
        others.lines,
        others.unsafe_lines,
    );
    Ok((format!("{head}\n{rows}"), ours))
}

fn row(rows: &mut String, package: &Package, count: Count) {
    // Our own lines change with every commit; their crates are what is pinned.
    if package.is_ours() {
        let _ = writeln!(rows, "{} {} ours", package.name, package.version);
    } else {
        let Count { lines, unsafe_lines } = count;
        let _ =
            writeln!(rows, "{} {} registry {lines} {unsafe_lines}", package.name, package.version);
    }
}

fn count_folder(folder: &Path) -> Result<Count, String> {
    let mut count = Count::default();
    for entry in fs::read_dir(folder).map_err(|cause| format!("{}: {cause}", folder.display()))? {
        let path = entry.map_err(|cause| cause.to_string())?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "tests" && name != "benches" {
            let inner = count_folder(&path)?;
            count.lines += inner.lines;
            count.unsafe_lines += inner.unsafe_lines;
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read(&path).map_err(|cause| format!("{}: {cause}", path.display()))?;
            let text = String::from_utf8_lossy(&text);
            count.lines += text.lines().count();
            count.unsafe_lines += text.lines().filter(|line| has_unsafe(line)).count();
        }
    }
    Ok(count)
}

/// The word `unsafe`, not as a part of another word such as `unsafe_code`.
fn has_unsafe(line: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices("unsafe").any(|(at, word)| {
        !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn unsafe_is_counted_as_a_word() {
        assert!(super::has_unsafe("    unsafe { read() }"));
        assert!(super::has_unsafe("pub unsafe fn f()"));
        assert!(!super::has_unsafe("unsafe_code = \"deny\""));
        assert!(!super::has_unsafe("is_unsafe"));
    }
}
