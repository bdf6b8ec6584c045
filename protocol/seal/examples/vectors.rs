//! Writes `vectors/*.json`: `cargo run -p autoclave-seal --example vectors`. A test compares
//! the files with what this makes, so they cannot drift apart unnoticed.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (name, vector) in support::make::all() {
        std::fs::write(folder.join(name), support::make::text(&vector))?;
    }
    Ok(())
}
