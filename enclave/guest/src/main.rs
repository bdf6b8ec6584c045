//! The guest door's binary: one measured role. Configuration and platform come by the
//! command line, everything else from there. No key and no rule stands here.

use std::process::ExitCode;

/// `autoclave-guest CONFIG.toml --platform KIND:PATH`
fn main() -> ExitCode {
    autoclave_cell::run(autoclave_guest::WORKLOAD, autoclave_guest::build)
}
