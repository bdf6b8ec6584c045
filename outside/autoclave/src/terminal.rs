//! What the command line says: results on standard output, progress on standard error.
//! It belongs to the command line.
//! A closed pipe is no reason to panic, and nothing else in this crate prints.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns.
const SPINNER_TICK_MS: u64 = 120;

/// A result, for people or programs.
pub fn out(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// Progress or an explanation, for people.
pub fn note(line: impl Display) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// One step that is under way; says how it ended.
pub struct Step {
    name: String,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Step {
    /// Begins a step.
    pub fn begin(name: impl Into<String>) -> Self {
        let name = name.into();
        let bar = stderr().is_terminal().then(|| spinner(&name));
        Self { name, begun: Instant::now(), bar }
    }

    /// Says what the step is waiting for.
    pub fn waits_for(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} ({what})", self.name));
        }
    }

    /// The step succeeded.
    pub fn done(self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.end(&format!("  ✓ {} ({seconds:.1} s)", self.name));
    }

    /// The step failed; why is said by whoever reports the failure.
    pub fn failed(self) {
        self.end(&format!("  ✗ {}", self.name));
    }

    fn end(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        note(line);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner(name: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(SPINNER_TICK_MS));
    bar
}
