//! What a program can check of our style: file and function sizes, who may depend on
//! whom, and that no path of one machine or unfinished word stands in the tree.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Outcome, output, root, say};
use crate::workspace::{Package, Workspace};

/// Longest source file: beyond it a file does two things.
const FILE_LINES_MAX: usize = 450;
/// Longest function, signature to closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Folder of a crate, and the folders of ours that its shipped code may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("protocol", &["protocol"]),
    (
        "enclave",
        &[
            "protocol",
            "enclave/cell",
            "enclave/device",
            "enclave/imaging",
            "enclave/records",
            "enclave/tpm",
        ],
    ),
    ("outside", &["protocol", "outside", "enclave/device", "enclave/tpm"]),
    ("world", &["protocol", "enclave", "outside", "world"]),
    ("xtask", &[]),
    ("fuzz", &["protocol", "enclave/imaging"]),
];

/// The one file of ours that may hold `unsafe` code.
const UNSAFE: &str = "enclave/device/src/ioctl.rs";
/// How such code begins, or is allowed.
const UNSAFE_WORDS: [&str; 5] =
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"];

/// Words that say that something is not there yet.
const UNFINISHED: [&str; 4] = ["todo!(", "unimplemented!(", "FIXME", "XXX"];

/// The chore: says every finding, then fails if there was one.
pub(crate) fn run() -> Outcome {
    let mut findings = layers(&Workspace::load()?);
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    for name in listed.lines().filter(|name| is_rust(name)) {
        let path = root().join(name);
        if let Ok(text) = fs::read_to_string(&path) {
            findings.extend(source(name, &text));
        }
    }
    findings.extend(promises(&listed));
    for finding in &findings {
        say(&format!("tidy: {finding}"));
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len())) }
}

fn is_rust(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// Tests and files that PROMISES.md names and that are not there.
fn promises(listed: &str) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap_or_default();
    let sources: Vec<String> = listed.lines().filter(|name| is_rust(name)).map(read).collect();
    let kept = |name: &str| {
        let function = format!("fn {name}(");
        listed.lines().any(|file| file.starts_with(name))
            || sources.iter().any(|text| text.contains(&function))
    };
    let is_name = |name: &str| name.contains('/') || name.matches('_').count() >= 2;
    read("PROMISES.md")
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| is_name(name) && !name.contains(' ') && !kept(name))
        .map(|name| format!("PROMISES.md names {name}, which is not there"))
        .collect()
}

fn layers(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for package in workspace.ours() {
        let place = place(package);
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| place.starts_with(layer)) else {
            findings.push(format!("{}: no layer for its folder", package.name));
            continue;
        };
        for other in workspace.direct(package).into_iter().filter(|other| other.is_ours()) {
            let target = self::place(other);
            if !allowed.iter().any(|layer| target.starts_with(layer)) {
                findings.push(format!("{} may not depend on {}", package.name, other.name));
            }
        }
    }
    findings
}

fn place(package: &Package) -> PathBuf {
    let folder = package.folder();
    folder.strip_prefix(root()).map(Path::to_owned).unwrap_or(folder)
}

fn source(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        findings.push(format!("{name}: {lines} lines, more than {FILE_LINES_MAX}"));
    }
    for (line, function, length) in functions(text) {
        if length > FUNCTION_LINES_MAX {
            findings.push(format!("{name}:{line}: fn {function} has {length} lines"));
        }
    }
    if !name.starts_with("xtask/") {
        let words = UNFINISHED.iter().filter(|word| text.contains(**word));
        findings.extend(words.map(|word| format!("{name}: {word}")));
        if name != UNSAFE && UNSAFE_WORDS.iter().any(|word| text.contains(word)) {
            findings.push(format!("{name}: unsafe code belongs into {UNSAFE}"));
        }
    }
    findings
}

/// Line, name and length of each function. Relies on rustfmt: a function ends at the first
/// closing brace that stands as deep as its first line.
fn functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closes = |other: &str| {
            other.len() - other.trim_start().len() == indent && other.trim_start().starts_with('}')
        };
        let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
        let length = if one_line {
            1
        } else {
            lines[at + 1..].iter().position(|other| closes(other)).map_or(1, |end| end + 2)
        };
        found.push((at + 1, name.to_owned(), length));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe "] {
        words = words.strip_prefix(word).unwrap_or(words);
    }
    let name = words.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "fn a() {\n    b();\n}\n\nimpl X {\n    pub async fn c(\n        d: u8,\n    ) {\n    }\n}\n";
        let expected = vec![(1, "a".to_owned(), 3), (6, "c".to_owned(), 4)];
        assert_eq!(functions(text), expected);
    }

    #[test]
    fn long_files_functions_and_unfinished_words_are_found() {
        let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(460));
        assert_eq!(source("a.rs", &long).len(), 2);
        assert_eq!(source("a.rs", &format!("// {}E\n", "FIXM")).len(), 1);
        assert!(source("a.rs", "fn f() {}\n").is_empty());
        let sly = "fn f() {\n    unsafe { g() }\n}\n";
        assert_eq!((source("a.rs", sly).len(), source(UNSAFE, sly).len()), (1, 0));
    }
}
