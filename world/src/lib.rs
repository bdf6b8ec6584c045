//! All parties in one process on one seed: attestor, broker, diagnosis, clinic, edge and
//! clients run their own code over a network, disks, clocks and machines that are made up
//! and that go wrong as the seed says. It belongs to nobody who treats patients, and is
//! never shipped. No party has a model here in its place.
//!
//! What is real: every line of the parties above the seams `autoclave_cell::{Network,
//! Machine, Clock}` and `autoclave_wire::Network`. What is made up stands in this crate.
//! Time is tokio's paused time: the runtime is the caller's, because only tests and
//! examples are built with it.

mod checks;
mod deployment;
mod desk;
mod dice;
mod disk;
mod eye;
mod files;
mod keeper;
mod lab;
mod net;
mod party;
mod shared;
mod storm;
mod story;
mod trace;

pub use lab::{Lab, Outcome, scratch};
pub use shared::Mischief;
