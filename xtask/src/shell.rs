//! Running other programs and speaking to the terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a chore answers: nothing, or the sentence to end with.
pub(crate) type Outcome = Result<(), String>;

/// One line to the terminal, beside the programs' own output.
#[expect(clippy::print_stderr, reason = "a chore's output is for the person who typed it")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").components().fold(
        PathBuf::new(),
        |mut path, part| {
            if part.as_os_str() == ".." {
                path.pop();
            } else {
                path.push(part);
            }
            path
        },
    )
}

/// A command in the project's root.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs to the end with its output shown; a status other than 0 is an error.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome {
    say(&format!("$ {program} {}", arguments.join(" ")));
    let status = command(program, arguments)
        .stdin(Stdio::null())
        .status()
        .map_err(|cause| format!("{program} could not be started: {cause}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} {}: {status}", arguments.join(" ")))
    }
}

/// Runs to the end and gives what it printed to standard output.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = command(program, arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("{program} could not be started: {cause}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", arguments.join(" "), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{program} printed no text"))
}

/// Whether `program` starts at all.
pub(crate) fn has(program: &str, argument: &str) -> bool {
    command(program, &[argument])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Cargo itself, the one that runs us.
pub(crate) const fn cargo() -> &'static str {
    "cargo"
}
