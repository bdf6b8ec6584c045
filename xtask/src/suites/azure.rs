//! Azure's client library for Python, unmodified, against an attestor of ours over genuine
//! evidence.

use super::{Ran, emptied, passed, skipped};
use crate::demo;
use crate::shell::{root, run};

/// Where genuine evidence is, beside the repository.
const EVIDENCE: &str = "../shared/evidence";

/// The library, and what it needs and does not name.
const PACKAGES: [&str; 3] =
    ["azure-security-attestation==1.0.0", "six==1.17.0", "cryptography==45.0.7"];

pub(super) fn attestation() -> Result<Ran, String> {
    let evidence = root().join(EVIDENCE);
    if !evidence.join("dcap").exists() {
        return skipped("genuine evidence is not here (../shared/evidence)");
    }
    let Some(python) = python() else {
        return skipped("Python with azure-security-attestation could not be installed");
    };
    demo::build_for_suites()?;
    let folder = emptied("target/azure-attestation")?;
    std::fs::create_dir_all(&folder).map_err(|cause| format!("{folder}: {cause}"))?;
    let stand = root().join("target/debug/examples/azure_stand").to_string_lossy().into_owned();
    let evidence = evidence.to_string_lossy().into_owned();
    let client = "enclave/attestor/tests/azure/client.py";
    passed(run(&python, &[client, &stand, &evidence, &folder]))
}

/// A Python of its own under `target/`.
fn python() -> Option<String> {
    let home = root().join("target/azure-python");
    let python = home.join("bin/python").to_string_lossy().into_owned();
    if !home.join("ready").exists() {
        run("python3", &["-m", "venv", &home.to_string_lossy()]).ok()?;
        run(&python, &[&["-m", "pip", "install", "--quiet"], &PACKAGES[..]].concat()).ok()?;
        std::fs::write(home.join("ready"), "").ok()?;
    }
    Some(python)
}
