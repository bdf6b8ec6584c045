//! The benchmarks of attestation, key release and the ledger: their programs, and how they
//! are run. They need no Python and no engine; what they measure is ours, beside the least
//! that anybody could do.

use std::fs;
use std::path::Path;

use super::{machine, page, program};
use crate::shell::{self, Outcome, cargo, root, say};

/// Name and what it measures.
pub(super) const SERVICES: [(&str, &str); 3] = [
    ("attest", "Evidence and tokens, each on one core"),
    ("release", "Attestation and key release, with their durable ledger lines"),
    ("ledger", "Durable ledger lines with group commit"),
];

/// What is built for them.
const BUILD: [&str; 9] = [
    "build",
    "--release",
    "--locked",
    "--package=autoclave-attestor",
    "--package=autoclave-broker",
    "--package=autoclave-edge",
    "--package=autoclave",
    "--bins",
    "--example=bench",
];
/// The ledger by itself.
const BUILD_LEDGER: [&str; 5] =
    ["build", "--release", "--locked", "--package=autoclave-cell", "--example=bench_ledger"];
/// Evidence of hardware, where its benchmark is there.
const BUILD_VERIFY: [&str; 5] =
    ["build", "--release", "--locked", "--package=autoclave-attest", "--example=bench_verify"];
const VERIFY_SOURCE: &str = "protocol/attest/examples/bench_verify.rs";
const TRIVIAL: &str = "enclave/diagnosis/tests/fixtures/add-one.onnx";

/// Those that are named, or all.
pub(super) fn run(names: &[&str]) -> Outcome {
    for (name, what) in SERVICES {
        if names.contains(&name) {
            say(&format!("\n== {name}: {what}"));
            let when = machine::now();
            let text = measured(name)?;
            let text = format!("_{when}_\n\n{}", text.trim_end());
            say(&text);
            page::write_or_add(name, what, &text)?;
        }
    }
    Ok(())
}

fn measured(name: &str) -> Result<String, String> {
    if name == "ledger" {
        shell::run(cargo(), &BUILD_LEDGER)?;
        let folder = root().join("target/bench/ledger");
        return shell::output(&program("bench_ledger"), &[&folder.to_string_lossy()]);
    }
    shell::run(cargo(), &BUILD)?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let work = root().join("target/bench");
    fs::create_dir_all(&work).map_err(|cause| format!("target/bench: {cause}"))?;
    let (binaries, trivial) = (path(&root().join("target/release")), path(&root().join(TRIVIAL)));
    let work = path(&work);
    let words = [
        name,
        "--binaries",
        &binaries,
        "--work",
        &work,
        "--unet",
        &trivial,
        "--trivial",
        &trivial,
        "--image",
        &trivial,
        "--peers",
        &work,
    ];
    let mut text = shell::output(&program("bench"), &words)?;
    if name == "attest" && root().join(VERIFY_SOURCE).exists() {
        shell::run(cargo(), &BUILD_VERIFY)?;
        text.push_str("\nGenuine evidence of hardware, on one core:\n\n```\n");
        text.push_str(&shell::output(&program("bench_verify"), &[])?);
        text.push_str("```\n");
    }
    Ok(text)
}
