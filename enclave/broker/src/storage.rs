//! `[storage]`: where the broker's records are, and which key seals them. It is measured,
//! and says where a secret lies, never which. Without the table both are the enclave's own
//! sealed state, for one broker alone.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use autoclave_cell::{BootError, Cell};
use serde::Deserialize;

use crate::keep::{Embedded, Keep, Kept, Pkcs11, Postgres, RootKey, SealedFile};

/// `[storage]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSettings {
    /// `[storage.postgres]`: records lie in a database, which replicas share.
    pub postgres: Option<PostgresSettings>,
    /// `[storage.pkcs11]`: the root key lies in a token of PKCS#11. Replicas need one that
    /// they all reach.
    pub pkcs11: Option<Pkcs11Settings>,
}

/// `[storage.postgres]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// Its host: an address or a name.
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// The file with the role's password, if it has one.
    pub password_file: Option<PathBuf>,
    /// The certificate (PEM) that the server's must be signed by. Only a server on this
    /// machine is spoken to without TLS.
    pub ca_file: Option<PathBuf>,
}

/// `[storage.pkcs11]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11Settings {
    /// The module: a library of the token's maker. It runs inside the enclave; name it in
    /// `[cell.libraries]` too, so that it is measured.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The file with the user's PIN.
    pub pin_file: PathBuf,
    /// The key's label in the token.
    #[serde(default = "label")]
    pub key: String,
}

const fn port() -> u16 {
    5432
}

fn label() -> String {
    "autoclave-broker-root".to_owned()
}

impl PostgresSettings {
    /// Whether the way there is one that nobody else is on.
    pub(crate) fn is_local(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Opens the store and its root key.
pub async fn open(cell: &Arc<Cell>, settings: &StorageSettings) -> Result<Kept, BootError> {
    let failed = |error: crate::keep::KeepError| BootError::role(error.code(), error);
    let root: Arc<dyn RootKey> = match &settings.pkcs11 {
        Some(token) => {
            let opened = Pkcs11::open(cell.clone(), token.clone()).await;
            Arc::new(opened.map_err(|error| BootError::role(error.code(), error))?)
        }
        None => Arc::new(SealedFile::open(cell).map_err(failed)?),
    };
    let keep: Arc<dyn Keep> = match &settings.postgres {
        Some(database) => {
            let opened = Postgres::open(cell.clone(), database, root.clone()).await;
            Arc::new(opened.map_err(|error| BootError::role(error.code(), error))?)
        }
        None => Arc::new(Embedded::open(cell.clone()).map_err(failed)?),
    };
    Ok(Kept::new(keep, root))
}
