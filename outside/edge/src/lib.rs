//! The edge is the front door: it relays sealed requests and the enclaves' plain routes to the
//! party that the path names, and serves the hospital's page. It is run by whoever hosts the system
//! and is trusted by nobody. It never holds a key, never opens a body and never logs what a
//! user wrote into a path, a query or a header.

mod body;
mod config;
mod crowd;
mod front;
mod io;
mod log;
mod page;
mod problem;
mod rate;
mod relay;
mod route;
mod server;

pub use config::{Config, ConfigError, Limits, PartyName};
pub use page::{PageConfig, PageError};
pub use server::{BindError, Edge};
