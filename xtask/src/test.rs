//! `cargo xtask test`: every suite in order, cheapest first. A suite that this machine
//! cannot run is skipped by name with its reason; nothing is skipped in silence.

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
    for suite in SUITES.iter().filter(chosen) {
        lines.push(one(suite)?);
    }
    say("\nsuites:");
    for line in &lines {
        say(line);
    }
    Ok(())
}

fn one(suite: &Suite) -> Result<String, String> {
    say(&format!("\n== {}: {}", suite.name, suite.what));
    let began = Instant::now();
    match (suite.run)() {
        Ok(Ran::Passed) => {
            Ok(format!("  passed   {} ({} s)", suite.name, began.elapsed().as_secs()))
        }
        Ok(Ran::Skipped(why)) => Ok(format!("  SKIPPED  {}: {why}", suite.name)),
        Err(message) => Err(format!("suite {} failed: {message}", suite.name)),
    }
}
