//! The attacks of `autoclave probe` against a demo, and proof that the probe can fail: a
//! front door that is weakened on purpose lets some in, and the probe must say so.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::{Ran, emptied};
use crate::demo;
use crate::running::RunningDemo;
use crate::shell::{command, root, run};

/// Ports that a demo of somebody who works here does not take.
const PORTS: &str = "27440";
/// What the weakened door lets in.
const LET_IN: &str = "attest.";

/// Runs the probe twice.
pub(super) fn probe() -> Result<Ran, String> {
    demo::build_for_suites()?;
    let folder = emptied("target/probe")?;
    let autoclave = demo::autoclave();
    let _demo = RunningDemo::start(&autoclave, &folder, PORTS)?;
    let client = format!("{folder}/client");
    run(&autoclave, &["probe", "--client", &client])?;
    let weak = Weak::start(&format!("http://127.0.0.1:{PORTS}"))?;
    let weakened = ["probe", &weak.address, "--client", &client, "--only", LET_IN];
    let output = command(&autoclave, &weakened).output();
    let output = output.map_err(|cause| format!("autoclave probe: {cause}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() || !said.contains("GOT THROUGH") {
        return Err(format!("the probe did not notice a weakened front door:\n{said}"));
    }
    Ok(Ran::Passed)
}

/// The weakened front door; ends when it is dropped.
struct Weak {
    child: Child,
    address: String,
}

impl Weak {
    fn start(edge: &str) -> Result<Self, String> {
        let program = root().join("target/debug/examples/weak");
        let mut child = command(&program.to_string_lossy(), &[edge])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("weak: {cause}"))?;
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        let address = lines.into_iter().flatten().next().and_then(Result::ok);
        let address = address.ok_or("the weakened front door did not start")?;
        Ok(Self { child, address })
    }
}

impl Drop for Weak {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}
