//! Every parser of bytes that strangers send, as a target: a function that takes any bytes
//! and says how far they came. Nobody's in production; cargo-fuzz and the runner here call
//! them. A target never fails but by a panic, which is what is looked for.

pub mod corpus;
mod imaging;
pub mod mutate;
pub mod run;
mod seeds;
mod targets;
pub mod wycheproof;

pub use targets::{TARGETS, Target};

/// Runs one target by its name, for cargo-fuzz.
///
/// # Panics
/// If there is no such target, or where the target finds something.
pub fn call(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    assert!(target.is_some(), "no target {name}");
    if let Some(target) = target {
        (target.run)(bytes);
    }
}
