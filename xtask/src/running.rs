//! A demo that runs in the background while something is checked against it. It is asked
//! to end, gracefully, when the value is dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::shell::command;

/// The line that a demo ends its greeting with.
const LAST_LINE: &str = "Ctrl-C stops everything";

/// A demo that is ready.
pub(crate) struct RunningDemo(Child);

impl RunningDemo {
    /// Starts `autoclave demo` over `folder` and waits until it greets.
    pub(crate) fn start(autoclave: &str, folder: &str, port_base: &str) -> Result<Self, String> {
        let mut child = command(autoclave, &["demo", "--dir", folder, "--port-base", port_base])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("the demo could not be started: {cause}"))?;
        let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        let demo = Self(child);
        let greeted = |line: &Result<String, std::io::Error>| {
            line.as_ref().is_ok_and(|line| line.starts_with(LAST_LINE))
        };
        match lines.into_iter().flatten().find(greeted) {
            Some(_) => Ok(demo),
            None => Err("the demo ended before it was ready".to_owned()),
        }
    }
}

impl Drop for RunningDemo {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _asked = command("kill", &["-TERM", &id]).status();
        let _ended = self.0.wait();
    }
}
