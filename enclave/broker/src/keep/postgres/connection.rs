//! Connections to the database: a few that are kept, each lent to one question at a time,
//! and given up when anything went wrong on it. The store's. None is waited for without end.

use std::fs;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use zeroize::Zeroizing;

use super::DatabaseError;
use super::tls::Tls;
use crate::keep::KeepError;
use crate::storage::PostgresSettings;

/// Longest time for a question and its answer. A replica that waits longer is no use to a
/// guest, whose own patience ends.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest time to connect.
const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(3);
/// Connections that are kept; more may be open while many ask.
const IDLE_MAX: usize = 8;

/// The connections.
pub(super) struct Pool {
    config: Config,
    tls: Option<Tls>,
    idle: Mutex<Vec<Client>>,
}

impl Pool {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, DatabaseError> {
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .dbname(&settings.database)
            .user(&settings.user)
            .application_name("autoclave-broker")
            .connect_timeout(CONNECT_SECONDS_MAX);
        if let Some(file) = &settings.password_file {
            let text = fs::read_to_string(file).map_err(|_| DatabaseError::File)?;
            let text = Zeroizing::new(text);
            config.password(text.trim_end());
        }
        let tls = match &settings.ca_file {
            Some(file) => Some(Tls::new(file)?),
            None if settings.is_local() => None,
            None => return Err(DatabaseError::NotLocal),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls, idle: Mutex::default() })
    }

    /// A connection for one question. Dropped, it ends: only who got a whole answer gives it
    /// back.
    pub(super) async fn take(&self) -> Result<Client, KeepError> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(client) if client.is_closed() => {}
                Some(client) => return Ok(client),
                None => return self.connect().await,
            }
        }
    }

    pub(super) fn give_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !client.is_closed() {
            idle.push(client);
        }
    }

    async fn connect(&self) -> Result<Client, KeepError> {
        let lost = |_| KeepError::Unavailable;
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await.map_err(lost)?;
            tokio::spawn(async { drop(connection.await) });
            return Ok(client);
        }
        let (client, connection) = self.config.connect(NoTls).await.map_err(lost)?;
        tokio::spawn(async { drop(connection.await) });
        Ok(client)
    }
}

/// The outcome, if it comes in time. What was given up half-way may still happen.
pub(super) async fn in_time<T>(
    work: impl Future<Output = Result<T, KeepError>>,
) -> Result<T, KeepError> {
    timeout(ANSWER_SECONDS_MAX, work).await.map_err(|_| KeepError::Unavailable)?
}
