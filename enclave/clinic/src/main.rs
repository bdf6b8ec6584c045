//! The clinic enclave as a process: `autoclave-clinic CONFIG.toml --platform KIND:PATH`.
//! The platform vendor's. All it does stands in the library and in the cell.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoclave_cell::run("clinic", autoclave_clinic::build)
}
