//! Measured boot against a real TPM in software: the tests that need one, and a whole
//! demo whose parties have one each.

use std::path::PathBuf;

use super::{Ran, debian, demo, emptied, output, passed, run, skipped};
use crate::shell::{cargo, has, root};

/// The tests that need a software TPM have this in their binary's name or in their own.
const TESTS: &str = "swtpm";

/// The suite `tpm`.
pub(super) fn tpm() -> Result<Ran, String> {
    let installed = || debian("swtpm") && debian("swtpm-tools");
    if !has_swtpm() && (!installed() || !has_swtpm()) {
        return skipped("swtpm could not be installed (apt-get install swtpm swtpm-tools)");
    }
    demo::build_for_suites()?;
    tests()?;
    let folder = emptied("target/check-tpm")?;
    let summary =
        output(&demo::autoclave(), &["demo", "--check", "--tee", "tpm", "--dir", &folder])?;
    passed(judge(&summary).and_then(|()| nothing_left(&folder)))
}

fn has_swtpm() -> bool {
    has("swtpm", "--version") && has("swtpm_setup", "--help")
}

fn tests() -> Result<(), String> {
    if has("cargo-nextest", "--version") {
        let filter = format!("binary({TESTS}) + test({TESTS})");
        let words = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
        return run(cargo(), &[&words[..], &["--run-ignored=only", "-E", &filter]].concat());
    }
    let test = ["test", "--workspace", "--locked"];
    run(cargo(), &[&test[..], &["--test", TESTS, "--", "--ignored"]].concat())?;
    run(cargo(), &[&test[..], &["--lib", TESTS, "--", "--ignored"]].concat())
}

/// What the demo says must be what was asked for.
fn judge(summary: &str) -> Result<(), String> {
    let summary: serde_json::Value =
        serde_json::from_str(summary).map_err(|cause| format!("the demo's summary: {cause}"))?;
    let token = &summary["token"];
    let kind = serde_json::Value::from("tpm");
    for (claim, value) in [("x-ms-attestation-type", kind), ("hw_backed", false.into())] {
        if token[claim] != value {
            return Err(format!("the demo's token says {claim} is {}, not {value}", token[claim]));
        }
    }
    Ok(())
}

/// No process of the demo's may have outlived it.
fn nothing_left(folder: &str) -> Result<(), String> {
    let folder = root().join(folder);
    let named = |process: &PathBuf| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
    };
    let processes = std::fs::read_dir("/proc").map_err(|cause| cause.to_string())?;
    let left = processes.flatten().map(|entry| entry.path()).filter(|path| named(path)).count();
    if left == 0 { Ok(()) } else { Err(format!("{left} processes outlived the demo")) }
}
