//! A program to launch: says what it was told, what environment it has, and what it is.
//! It is for the launcher's tests, and is no enclave.

use std::io::{Result, Write as _, stdout};

use autoclave_base::Digest;

#[expect(clippy::disallowed_methods, reason = "that there is no environment is the question")]
fn main() -> Result<()> {
    let executable = std::fs::read("/proc/self/exe")?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    writeln!(stdout(), "{}", words.join(" "))?;
    writeln!(stdout(), "{}", std::env::vars().count())?;
    writeln!(stdout(), "{}", Digest::of(executable))
}
