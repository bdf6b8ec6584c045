//! The one shell that all enclaves share: boot, evidence, the attested doors, the fresh
//! token, attested calls to peers, sealed state, the ledger's host and telemetry. It is
//! part of every enclave's trusted computing base, and of nothing outside. No rule about
//! patients, keys or models stands here, and no handler learns through which door it was
//! called.
//!
//! A role's `main` is `autoclave_cell::run("role", role::build)`, where `build` turns the
//! [`Cell`] and the role's part of the configuration into [`Routes`].

pub mod administrators;
pub mod attester;
mod boot;
pub mod cache;
mod carrier;
mod cell;
mod chain;
pub mod clock;
pub mod config;
mod doors;
mod error;
pub mod governance;
mod identity;
pub mod kept;
pub mod ledger;
pub mod limits;
pub mod machine;
pub mod measure;
pub mod metrics;
pub mod network;
mod passport;
mod peer;
pub mod problem;
mod process;
pub mod refusals;
pub mod release;
pub mod state;
mod tasks;
pub mod telemetry;
mod trust;
mod witness;

pub use autoclave_policy as policy;

pub use attester::Platform;
pub use boot::{Addresses, Launch, Running, start};
pub use cell::Cell;
pub use clock::{Clock, Entropy};
pub use config::NoSettings;
pub use doors::Routes;
pub use error::BootError;
pub use machine::Machine;
pub use network::Network;
pub use peer::{Peer, PeerError};
pub use problem::Refusal;
pub use process::run;
pub use state::{SealedState, StateError};
