//! One life of the attestation service: the cell boots it, the library is its role. It runs
//! on the attestor's machine. Nothing is decided here.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoclave_cell::run("attestor", autoclave_attestor::build)
}
