//! The key broker: it keeps the keys of data owners, and lets each out to attested code
//! alone, by their policy. It is the data owners'; whoever runs the machine sees neither a
//! key nor a reason. No key leaves without a line in the ledger, and none leaves unwrapped.
//!
//! | route | who | answer |
//! |---|---|---|
//! | `POST /keys/{name}/release` | attested code, chain of one link | [`ReleasedKey`], or `release.refused` |
//! | `POST /keys/{name}/lease` | the same | for how long the key may still be used |
//! | `PUT /keys/{name}` | administrator of the owner | version |
//! | `GET /keys` | administrator | the owner's keys, without the keys |
//! | `/institutions/{institution}/…` | its administrators, and attested code | [`institution`] |
//! | `/keys…?api-version=…` | bearers, on the direct door | [`akv`], where it is configured |
//! | `/kbs/v0/…` | guests of Confidential Containers | [`kbs`], where it is configured |
//! | `GET /refusals` | administrator | why, in words |
//!
//! [`ReleasedKey`]: autoclave_cell::release::ReleasedKey

pub mod akv;
mod broker;
pub mod config;
pub mod glass;
mod institution;
pub mod kbs;
pub mod keep;
pub mod refusals;
pub mod release;
pub mod revoke;
mod routes;
pub mod storage;
pub mod vault;

#[cfg(test)]
mod fixtures;

use std::sync::Arc;

use kbs::{CellAttestor, Kbs};

use autoclave_cell::{BootError, Cell, Routes};

pub use broker::Broker;
pub use config::{Settings, schema};

/// The role's name, on manifests and in configurations.
pub const WORKLOAD: &str = "broker";

/// Builds the role: opens its vault, makes the keys that it must make, and says in the
/// ledger which policy is in force.
pub async fn build(cell: Arc<Cell>, settings: Settings) -> Result<Routes, BootError> {
    let kbs = settings.kbs.clone();
    let kept = storage::open(&cell, &settings.storage).await?;
    let broker = Arc::new(Broker::open_on(cell.clone(), settings, kept.clone()).await?);
    let attested = routes::router(broker.clone());
    let Some(kbs) = kbs else { return Ok(Routes::sealed(attested)) };
    let attestor = Arc::new(CellAttestor(cell));
    let kbs = Arc::new(Kbs::open(broker, kept, attestor, kbs).await?);
    let (more, plain) = kbs::routes(&kbs);
    Ok(Routes::sealed(attested.merge(more)).with_plain(plain))
}
