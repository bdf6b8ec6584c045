//! Builds the parties, with cargo's own progress, and hands over to `autoclave demo`.

use std::os::unix::process::CommandExt as _;

use crate::shell::{self, Outcome, cargo, command, root};

/// The binaries of one deployment.
const PARTIES: [&str; 8] = [
    "autoclave-attestor",
    "autoclave-broker",
    "autoclave-cache",
    "autoclave-diagnosis",
    "autoclave-clinic",
    "autoclave-edge",
    "autoclave-launcher",
    "autoclave",
];

/// Builds every party once, in the profile that tests share.
pub(crate) fn build() -> Outcome {
    let mut arguments = vec!["build", "--locked", "--bins"];
    for party in PARTIES {
        arguments.extend(["--package", party]);
    }
    shell::run(cargo(), &arguments)
}

/// Builds all that any suite runs, in one way, so that nothing is built twice: the parties,
/// the tests and the programs beside them, with the features that tests switch on.
pub(crate) fn build_for_suites() -> Outcome {
    shell::run(cargo(), &["build", "--locked", "--workspace", "--all-targets"])
}

/// The command line that the build made.
pub(crate) fn autoclave() -> String {
    root().join("target/debug/autoclave").to_string_lossy().into_owned()
}

/// `cargo xtask demo [ARGUMENTS]`. The demo takes this process's place, so that whoever
/// stops the one stops the other.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    build()?;
    let cause = command(&autoclave(), &["demo"]).args(arguments).exec();
    Err(format!("the demo could not be started: {cause}"))
}
