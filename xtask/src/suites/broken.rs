//! Suites that break a deployment of real processes, and the storm that goes on for longer.
//! Their programs are examples of the command line's crate, which the unit tests build.

use super::{Ran, debian, emptied, passed, skipped};
use crate::demo;
use crate::shell::{Outcome, has, output, root, run};

/// The storm of a test run: under a minute, everybody killed twice or three times.
const STORM: [&str; 6] = ["--diagnoses", "40", "--kills", "12", "--seed", "1"];
/// A round of the longer one.
const STORM_ROUND: [&str; 4] = ["--diagnoses", "200", "--kills", "60"];

/// Enclaves killed between any two steps.
pub(super) fn killed() -> Result<Ran, String> {
    if !has("strace", "--version") && !debian("strace") {
        return skipped("strace is not installed and could not be (apt-get install strace)");
    }
    program("killed", &[])
}

/// Everybody killed at random, for a short while.
pub(super) fn storm() -> Result<Ran, String> {
    program("storm", &STORM)
}

/// Markers are planted and looked for.
pub(super) fn canary() -> Result<Ran, String> {
    if !has("tcpdump", "--version") && !debian("tcpdump") {
        return skipped("tcpdump is not installed and could not be (apt-get install tcpdump)");
    }
    if !reads_memory() {
        return skipped("the wire and other processes' memory are for root only");
    }
    program("canary", &[])
}

/// Faults of the world around a deployment, one after the other.
pub(super) fn faults() -> Result<Ran, String> {
    program("faults", &[])
}

/// `cargo xtask storm [--seconds N] [--seed N]`: one round, or rounds until the time is over.
pub(crate) fn longer(arguments: &[String]) -> Outcome {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    program("storm", &[&STORM_ROUND, arguments.as_slice()].concat()).map(drop)
}

/// Older copies of what enclaves keep, put back.
pub(super) fn rollback() -> Result<Ran, String> {
    program("rollback", &[])
}

/// A hospital imported while the clinic is killed, searched, erased, looked for on the disk.
pub(super) fn records() -> Result<Ran, String> {
    program("records", &[])
}

/// Whether this process may look into others', as root may.
fn reads_memory() -> bool {
    output("id", &["-u"]).is_ok_and(|id| id.trim() == "0")
}

/// Builds everything in the one way that unit tests do, and runs an example over an empty
/// folder of its own.
fn program(name: &str, arguments: &[&str]) -> Result<Ran, String> {
    demo::build_for_suites()?;
    let folder = emptied(&format!("target/{name}"))?;
    let program = root().join("target/debug/examples").join(name);
    passed(run(&program.to_string_lossy(), &[&[folder.as_str()], arguments].concat()))
}
