//! `cargo xtask reproduce`: builds the enclaves twice from the last commit, in two folders
//! with two registries' paths, and compares the bytes. Whoever doubts a release runs it and
//! compares the digests with those that the release names. No byte of the working tree, no
//! path and no time of this machine gets into a binary.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::shell::{Outcome, cargo, command, output, root, run, say};
use crate::workspace::Workspace;

/// One fixed place: OpenSSL's build writes the path of its own folder into the library, and
/// has no switch for it.
const TARGET: &str = "/tmp/autoclave-reproduce";

/// Where the two checkouts and the digests go.
const FOLDER: &str = "target/reproduce";

/// Builds the enclaves named, or all, twice; fails where the bytes differ.
pub(crate) fn run_twice(names: &[String]) -> Outcome {
    let enclaves = enclaves(names)?;
    let time = output("git", &["log", "-1", "--format=%ct"])?.trim().to_owned();
    // Of different lengths, so that a path that slips through moves everything behind it.
    let first = build(&root().join(FOLDER).join("a"), &enclaves, &time)?;
    let second = build(&root().join(FOLDER).join("elsewhere/b"), &enclaves, &time)?;
    fs::remove_dir_all(TARGET).map_err(|cause| format!("{TARGET}: {cause}"))?;
    let mut differing = Vec::new();
    let mut listed = String::new();
    for ((name, one), other) in enclaves.iter().zip(&first).zip(&second) {
        if one == other {
            let _ = writeln!(listed, "{one}  {name}");
        } else {
            differing.push(name.as_str());
        }
    }
    let list = root().join(FOLDER).join("SHA256SUMS");
    fs::write(&list, &listed).map_err(|cause| format!("{}: {cause}", list.display()))?;
    say(&format!("{listed}the same from both folders; written to {FOLDER}/SHA256SUMS"));
    if differing.is_empty() { Ok(()) } else { Err(format!("differ: {}", differing.join(", "))) }
}

/// Names of enclave binaries: those asked for, or all.
fn enclaves(names: &[String]) -> Result<Vec<String>, String> {
    let workspace = Workspace::load()?;
    let mut all: Vec<String> = workspace
        .ours()
        .filter(|package| package.folder().starts_with(root().join("enclave")))
        .filter(|package| package.folder().join("src/main.rs").exists())
        .map(|package| package.name.clone())
        .collect();
    all.sort();
    let wanted = |name: &String| {
        names.is_empty() || names.iter().any(|one| *name == format!("autoclave-{one}"))
    };
    let chosen: Vec<_> = all.iter().filter(|name| wanted(name)).cloned().collect();
    if chosen.is_empty() {
        return Err(format!("no such enclave; there are: {}", all.join(", ")));
    }
    Ok(chosen)
}

/// Checks the last commit out into `folder`, builds there, and gives the digests.
fn build(folder: &Path, enclaves: &[String], time: &str) -> Result<Vec<String>, String> {
    for stale in [folder, Path::new(TARGET)] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(|cause| format!("{}: {cause}", stale.display()))?;
        }
    }
    let text = folder.to_string_lossy();
    run("git", &["clone", "--quiet", "--no-hardlinks", ".", &text])?;
    let registry = registry(folder)?;
    let mut arguments = vec!["build", "--release", "--locked", "--bins"];
    for name in enclaves {
        arguments.extend(["--package", name]);
    }
    say(&format!("$ cargo {} (in {text})", arguments.join(" ")));
    let flags = [
        format!("--remap-path-prefix={text}=/autoclave"),
        format!("--remap-path-prefix={TARGET}=/target"),
        format!("--remap-path-prefix={}=/cargo", registry.display()),
    ];
    let status = command(cargo(), &arguments)
        .current_dir(folder)
        .env("CARGO_HOME", &registry)
        .env("CARGO_TARGET_DIR", TARGET)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", time)
        .env("ZERO_AR_DATE", "1")
        .status()
        .map_err(|cause| format!("cargo could not be started: {cause}"))?;
    if !status.success() {
        return Err(format!("the build in {text} failed: {status}"));
    }
    enclaves.iter().map(|name| digest(&Path::new(TARGET).join("release").join(name))).collect()
}

/// Cargo's own folder under a name inside the checkout: so the path of the crates' sources
/// differs between the two builds as it does between machines.
fn registry(folder: &Path) -> Result<PathBuf, String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .ok_or("neither CARGO_HOME nor HOME is set")?;
    let alias = folder.join("target-cargo-home");
    symlink(&home, &alias).map_err(|cause| format!("{}: {cause}", alias.display()))?;
    Ok(alias)
}

fn digest(path: &Path) -> Result<String, String> {
    let text = output("sha256sum", &["--binary", &path.to_string_lossy()])?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
