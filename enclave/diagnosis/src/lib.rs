//! Inference on sealed images: the diagnosis enclave of the diagnostics provider.
//! It opens a model that lies encrypted, runs it on what attested callers send, and
//! signs a receipt for each answer.
//! No answer leaves without its line in the ledger, and no model without its digest runs.

#![forbid(unsafe_code)]

pub mod answer;
pub mod brain;
pub mod config;
pub mod diagnose;
pub mod engine;
mod http;
pub mod infer;
pub mod intake;
pub mod kserve;
pub mod model;
pub mod pool;
pub mod shelf;
pub mod tensor;

use std::sync::Arc;

use autoclave_base::ids::WorkloadName;
use autoclave_cell::{BootError, Cell, Peer, Routes, event};

pub use crate::config::Config;
use crate::engine::Runtime;
use crate::http::Service;
use crate::shelf::{Keeper, Shelf, ShelfRefusal};

/// The role's name, on manifests and in configurations.
pub const WORKLOAD: &str = "diagnosis";
/// The role that releases the models' keys.
const BROKER: &str = "broker";

/// Builds the role: starts the engine, asks for each model's key once, and opens the
/// routes. A model that is not there yet is tried again in the background, and its
/// readiness says why.
pub async fn build(cell: Arc<Cell>, config: Config) -> Result<Routes, BootError> {
    let runtime = Arc::new(start_engine(&cell, &config)?);
    let broker =
        WorkloadName::parse(BROKER).map_err(|error| BootError::role("diagnosis.broker", error))?;
    let broker = Arc::new(cell.peer(broker, &config.broker.url)?);
    let shelf = Arc::new(Shelf::new(&config.models));
    fill(&cell, &broker, &runtime, &shelf, config.models).await;
    let clock = Arc::clone(&cell);
    let service = Service::new(cell, Arc::clone(&shelf), &runtime, config.callers);
    let routes = Routes::sealed(http::router(Arc::new(service)));
    Ok(routes.ready_when(move || shelf.ready(clock.now()).map_err(ShelfRefusal::code)))
}

/// The engine; its native library, where it has one, must be among the measured ones.
fn start_engine(cell: &Cell, config: &Config) -> Result<Runtime, BootError> {
    let runtime = Runtime::start(&config.engine)
        .map_err(|refusal| BootError::role(refusal.code(), refusal))?;
    let measured = &cell.measured().libraries;
    match runtime.library() {
        Some(library) if !measured.values().any(|known| *known == library) => Err(BootError::role(
            "engine.library_unmeasured",
            "the engine's library does not stand in [cell.libraries]",
        )),
        _ => Ok(runtime),
    }
}

/// One attempt for each model, then a keeper in the background for each.
async fn fill(
    cell: &Arc<Cell>,
    broker: &Arc<Peer>,
    runtime: &Arc<Runtime>,
    shelf: &Arc<Shelf>,
    models: Vec<config::ModelConfig>,
) {
    if let Err(error) = broker.ready().await {
        event!(WARN, "broker.not_ready", reason = error.code());
    }
    for model in models {
        let (cell, broker) = (Arc::clone(cell), Arc::clone(broker));
        let (runtime, shelf) = (Arc::clone(runtime), Arc::clone(shelf));
        let keeper = Keeper { cell, broker, runtime, shelf, model };
        keeper.attempt().await;
        let cell = Arc::clone(&keeper.cell);
        cell.spawn(keeper.keep());
    }
}
