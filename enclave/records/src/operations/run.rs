//! How operations run: what blocks, off the runtime; what fails, as the server tells it.

use http::StatusCode;

use crate::server::Fault;
use crate::store::StoreError;

use super::vault::VaultError;

/// Runs what blocks on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::internal("an operation stopped")),
    }
}

/// What the store refuses, as the server tells it.
pub(super) fn fault(error: StoreError) -> Fault {
    let (status, issue, text) = match error {
        StoreError::TooCostly => {
            (StatusCode::UNPROCESSABLE_ENTITY, "too-costly", "The question takes too long.")
        }
        StoreError::Erased => (StatusCode::GONE, "deleted", "The patient was erased."),
        StoreError::Conflict => {
            (StatusCode::CONFLICT, "conflict", "Somebody else changed it meanwhile.")
        }
        StoreError::Full | StoreError::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "transient", "The store does not answer.")
        }
        _ => return Fault::internal("the store refused an operation"),
    };
    Fault::new(status, issue, error.code(), text)
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Disk(_) => Self::internal("the operations' folder failed"),
            VaultError::Broken => Self::internal("a file of an operation does not open"),
            VaultError::Name => Self::not_found(),
        }
    }
}
