//! The diagnosis enclave as a process: `autoclave-diagnosis CONFIG.toml --platform KIND:PATH`.
//! The diagnostics provider's. All it does stands in the library and in the cell.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    autoclave_cell::run(autoclave_diagnosis::WORKLOAD, autoclave_diagnosis::build)
}
