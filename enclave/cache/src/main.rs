//! The cache enclave as a process: `autoclave-cache CONFIG.toml --platform KIND:PATH`.
//! The platform vendor's. All it does stands in the library and in the cell.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoclave_cell::run("cache", autoclave_cache::build)
}
