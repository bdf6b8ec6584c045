//! What the programs that break deployments share: real processes that are started, struck
//! and started again by hand, a client at work, ledgers read from their files. They belong
//! to the tests. Nothing here is shipped, and nothing here knows what is being tested.

#![allow(dead_code, reason = "each program uses a part")]

pub(crate) mod ledgers;
pub(crate) mod parties;
pub(crate) mod pictures;
pub(crate) mod scene;

use std::error::Error;

/// Whatever went wrong ends the program.
pub(crate) type Any<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A line for people.
#[expect(clippy::print_stdout, reason = "figures and findings are for people")]
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// An error as text: it may not be sent between tasks otherwise.
pub(crate) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
