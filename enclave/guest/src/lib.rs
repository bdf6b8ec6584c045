//! The in-guest endpoints of Confidential Containers (`api-server-rest`), so that workloads
//! written for them run beside an Autoclave TEE's code unchanged. The guest owner's: whoever
//! runs in the same TEE may ask, as there, and nobody else can. No resource is kept, and no
//! answer leaves loopback.
//!
//! | route | answer |
//! |---|---|
//! | `GET /cdh/resource/{repository}/{type}/{tag}` | the resource, opened |
//! | `GET /aa/token?token_type=kbs` | `{"token", "tee_keypair"}` |
//! | `GET /aa/evidence?runtime_data=…[&encoding=base64]` | evidence over it |
//! | `GET /aa/additional-evidence?runtime_data=…` | nothing: there are no further devices |
//! | `POST /aa/aael` | the event is a line of the ledger |
//! | `GET /info` | version, kind of TEE |

mod config;
mod kbs;
mod quote;
mod routes;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_cell::{BootError, Cell, Routes};
use axum::Router;
use tokio::net::TcpListener;

pub use config::Settings;

/// The role's name, on manifests and in configurations.
pub const WORKLOAD: &str = "guest";

/// Builds the role: its door on loopback. The attested doors lead nowhere.
pub async fn build(cell: Arc<Cell>, settings: Settings) -> Result<Routes, BootError> {
    settings.check().map_err(|error| BootError::role(error.code(), error))?;
    let listener = TcpListener::bind(settings.guest.listen).await;
    let listener = listener.map_err(|error| BootError::role("guest.listen", error))?;
    let door = routes::router(Arc::new(kbs::Client::new(cell.clone(), settings)));
    cell.spawn(async move {
        // It ends with the enclave.
        drop(axum::serve(listener, door).await);
    });
    Ok(Routes::sealed(Router::new()))
}
