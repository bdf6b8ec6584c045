//! The KBS protocol from the other side: a client in Python that shares no code with ours
//! does what guests of Confidential Containers do, and what none should get away with.

use std::fs;

use super::{Ran, demo, emptied, passed, run, skipped};
use crate::running::RunningDemo;
use crate::shell::root;

/// The client.
const CLIENT: &str = "outside/autoclave/tests/kbs/client.py";
/// The workload that asks a guest's door.
const DOOR: &str = "outside/autoclave/tests/kbs/door.py";
/// The guest door, as the demo's binaries are built.
const GUEST: &str = "target/debug/autoclave-guest";
/// Ports of the guest door: its own and the workload's.
const GUEST_PORT: &str = "27530";
/// Ports that a demo of somebody who works here does not take.
const PORTS: &str = "27500";
/// What the client is written with.
const LIBRARIES: [&str; 4] =
    ["cryptography==45.0.7", "requests==2.32.5", "jwcrypto==1.5.6", "pyjwt==2.10.1"];

/// The suite `kbs`.
pub(super) fn kbs() -> Result<Ran, String> {
    let Some(python) = python() else {
        return skipped("Python with requests and jwcrypto could not be installed");
    };
    demo::build_for_suites()?;
    let folder = emptied("target/kbs")?;
    let _demo = RunningDemo::start(&demo::autoclave(), &folder, PORTS)?;
    run(&python, &[CLIENT, &folder])?;
    passed(run(&python, &[DOOR, &folder, GUEST, GUEST_PORT]))
}

/// A Python of its own under `target/`.
pub(super) fn python() -> Option<String> {
    let home = root().join("target/kbs-python");
    let python = home.join("bin/python").to_string_lossy().into_owned();
    if !home.join("ready").exists() {
        run("python3", &["-m", "venv", &home.to_string_lossy()]).ok()?;
        let wanted = ["-m", "pip", "install", "--quiet"];
        run(&python, &[&wanted[..], &LIBRARIES].concat()).ok()?;
        fs::write(home.join("ready"), "").ok()?;
    }
    Some(python)
}
