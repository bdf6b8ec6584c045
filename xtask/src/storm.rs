//! `cargo xtask storm`: seeds of the simulated world, without end; `--seed N` lives through
//! one of them again and prints all that happened. With `--processes` the storm is over
//! real processes instead.

use crate::shell::{Outcome, root, run};
use crate::{demo, suites};

/// Seconds of the suite `world`: as many seeds as fit.
const SUITE_SECONDS: &str = "60";

/// The chore.
pub(crate) fn run_storm(arguments: &[String]) -> Outcome {
    if let Some(at) = arguments.iter().position(|it| it == "--processes") {
        return suites::longer(&[&arguments[..at], &arguments[at + 1..]].concat());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let traced = arguments.contains(&"--seed");
    let more: &[&str] = if traced { &["--trace"] } else { &[] };
    world(&[&arguments[..], more].concat())
}

/// The suite: a minute of seeds, from the first on.
pub(crate) fn suite() -> Outcome {
    world(&["--seconds", SUITE_SECONDS])
}

fn world(arguments: &[&str]) -> Outcome {
    demo::build_for_suites()?;
    let program = root().join("target/debug/examples/world");
    run(&program.to_string_lossy(), arguments)
}
