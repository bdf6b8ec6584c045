//! The client library of Azure Key Vault, unmodified, against a demo's broker.

use std::fs;

use super::{Ran, demo, emptied, passed, skipped};
use crate::running::RunningDemo;
use crate::shell::{command, root, run};

/// The program, which shares no code with the broker.
const PROGRAM: &str = "outside/autoclave/tests/azure/keyvault.py";

/// What it is written with.
const PACKAGES: [&str; 3] =
    ["azure-keyvault-keys==4.11.3", "cryptography==45.0.7", "requests==2.32.5"];

/// Ports that a demo of somebody who works here does not take.
const PORTS: &str = "27440";
/// The broker's direct door among them.
const VAULT: &str = "https://localhost:27452";

/// The suite `azure-keyvault`.
pub(super) fn keyvault() -> Result<Ran, String> {
    let Some(python) = python() else {
        return skipped("azure-keyvault-keys could not be installed from PyPI");
    };
    demo::build_for_suites()?;
    let home = emptied("target/azure-keyvault")?;
    let folder = format!("{home}/demo");
    run(&python, &[PROGRAM, "prepare", &folder])?;
    let autoclave = demo::autoclave();
    let _demo = RunningDemo::start(&autoclave, &folder, PORTS)?;
    let status = command(&python, &[PROGRAM, "check", &folder, VAULT])
        .env("AUTOCLAVE", &autoclave)
        .status()
        .map_err(|cause| format!("{PROGRAM}: {cause}"))?;
    passed(if status.success() { Ok(()) } else { Err(format!("{PROGRAM} failed")) })
}

/// A Python of our own under `target/`.
fn python() -> Option<String> {
    let home = root().join("target/azure-python");
    let python = home.join("bin/python").to_string_lossy().into_owned();
    if !home.join("keyvault").exists() {
        run("python3", &["-m", "venv", &home.to_string_lossy()]).ok()?;
        let wanted = ["-m", "pip", "install", "--quiet"];
        run(&python, &[&wanted[..], &PACKAGES].concat()).ok()?;
        fs::write(home.join("keyvault"), "").ok()?;
    }
    Some(python)
}
