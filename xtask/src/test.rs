//! `cargo xtask test`: every suite in order, cheapest first. A suite that this machine
//! cannot run is skipped by name with its reason; nothing is skipped in silence, and a
//! failure keeps no other suite from running.

use std::time::Instant;

use crate::shell::{Outcome, say};
use crate::suites::{Ran, SUITES, Suite};

/// All suites, or those named.
pub(crate) fn run(names: &[String]) -> Outcome {
    let unknown = names.iter().find(|name| !SUITES.iter().any(|suite| suite.name == **name));
    if let Some(name) = unknown {
        let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        return Err(format!("no suite {name:?}; there are: {}", known.join(", ")));
    }
    let chosen = |suite: &&Suite| names.is_empty() || names.iter().any(|name| name == suite.name);
    let mut lines = Vec::new();
    let mut failed = 0_usize;
    for suite in SUITES.iter().filter(chosen) {
        let (line, is_failure) = one(suite);
        failed += usize::from(is_failure);
        lines.push(line);
    }
    say("\nsuites:");
    for line in &lines {
        say(line);
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} suites failed", lines.len())) }
}

/// How one suite ended, and whether it failed; the others run all the same.
fn one(suite: &Suite) -> (String, bool) {
    say(&format!("\n== {}: {}", suite.name, suite.what));
    let began = Instant::now();
    let outcome = (suite.run)();
    let took = began.elapsed().as_secs();
    match outcome {
        Ok(Ran::Passed) => (format!("  passed   {} ({took} s)", suite.name), false),
        Ok(Ran::Skipped(why)) => (format!("  SKIPPED  {}: {why}", suite.name), false),
        Err(message) => {
            say(&format!("suite {} failed: {message}", suite.name));
            (format!("  FAILED   {} ({took} s): {message}", suite.name), true)
        }
    }
}
