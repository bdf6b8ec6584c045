//! What vendors say of their platforms, as the operator brought it: an offline bundle in a
//! file, read again whenever it changes. Vendors signed what counts in it, and verifiers
//! check that at every use. A file that cannot be read leaves the one before in force.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::evidence::Endorsements;
use autoclave_base::Digest;
use autoclave_cell::{BootError, Cell};

/// Largest bundle: collateral of some hundred platforms.
const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A bundle is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndorsementsError {
    #[error("the endorsements cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("the endorsements are not of their form")]
    Malformed,
}

impl EndorsementsError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "endorsements.unreadable",
            Self::Malformed => "endorsements.malformed",
        }
    }
}

impl From<EndorsementsError> for BootError {
    fn from(error: EndorsementsError) -> Self {
        Self::role(error.code(), error)
    }
}

/// The bundle over time.
pub(crate) struct Known {
    path: Option<PathBuf>,
    current: Mutex<(Option<Digest>, Arc<Endorsements>)>,
}

impl Known {
    /// Reads the bundle, if one is configured.
    pub(crate) async fn open(
        cell: &Cell,
        path: Option<PathBuf>,
    ) -> Result<Self, EndorsementsError> {
        let known = Self { path, current: Mutex::default() };
        known.keep(cell).await?;
        Ok(known)
    }

    /// The bundle of this moment.
    pub(crate) fn current(&self) -> Arc<Endorsements> {
        self.lock().1.clone()
    }

    /// Looks at the file again.
    pub(crate) async fn keep(&self, cell: &Cell) -> Result<(), EndorsementsError> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let reading = cell.machine().block_on(move || read(&path)).await;
        let bytes = reading.map_err(|error| EndorsementsError::Unreadable(io::Error::other(error)));
        let bytes = bytes?.map_err(EndorsementsError::Unreadable)?;
        let digest = Some(Digest::of(&bytes));
        if self.lock().0 == digest {
            return Ok(());
        }
        let bundle = serde_json::from_slice(&bytes).map_err(|_| EndorsementsError::Malformed)?;
        *self.lock() = (digest, Arc::new(bundle));
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<Digest>, Arc<Endorsements>)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BUNDLE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
