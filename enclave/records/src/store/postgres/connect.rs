//! Connecting: to this machine, or not at all. The store's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use super::Postgres;
use crate::store::{PostgresSettings, StoreError};

/// Longest time to connect.
const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest time that the server works on one statement.
pub(super) const STATEMENT_BOUND: &str = "30s";

/// The threads that the client lives on.
pub(in crate::store) fn runtime() -> Result<Arc<Runtime>, StoreError> {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).thread_name("records-postgres").enable_all();
    runtime.build().map(Arc::new).map_err(|_| StoreError::Engine)
}

/// A connection. A server on another machine is refused: the way there is not secured.
pub(in crate::store) fn connect(
    runtime: &Arc<Runtime>,
    settings: &PostgresSettings,
) -> Result<Postgres, StoreError> {
    if !settings.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Err(StoreError::NotLocal);
    }
    let mut config = Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .dbname(&settings.database)
        .user(&settings.user)
        .application_name("autoclave-records")
        .ssl_mode(SslMode::Disable)
        .connect_timeout(CONNECT_SECONDS_MAX)
        .options(format!("-c statement_timeout={STATEMENT_BOUND} -c synchronous_commit=on"));
    if let Some(password) = &settings.password {
        config.password(password.expose());
    }
    let connecting = async {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async { drop(connection.await) });
        Ok::<_, tokio_postgres::Error>(client)
    };
    let client = runtime.block_on(connecting).map_err(|_| StoreError::Unavailable)?;
    Ok(Postgres::new(runtime.clone(), client))
}
