//! The cache enclave: values of attested callers, in memory, bounded, each until its end.
//! The platform vendor's. What it holds was sealed by whoever put it there; nothing is
//! written to a disk, nobody finds another caller's values, and a restart forgets all.

mod refusals;
mod routes;
mod settings;
mod shelf;

use std::sync::Arc;

use autoclave_cell::{BootError, Cell};
use axum::Router;

pub use settings::Settings;

/// Makes the cache's routes; for `autoclave_cell::run` and `start`.
#[expect(clippy::unused_async, reason = "the form that every role's build has")]
pub async fn build(cell: Arc<Cell>, settings: Settings) -> Result<Router, BootError> {
    Ok(routes::router(Arc::new(routes::Service::new(cell, settings))))
}
