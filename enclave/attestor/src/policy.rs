//! The release manifest in use: read from a file, believed by its signature, replaced by
//! newer ones only. The release key's holder decides what stands in it; the machine's
//! administrator decides only when the attestor sees it. An older manifest never returns.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::appraise::policy_digest;
use autoclave_attest::jws::JWS_BYTES_MAX;
use autoclave_attest::release::{ManifestRefusal, VerifiedManifest, verify_manifest};
use autoclave_base::Digest;
use autoclave_cell::ledger::AppendError;
use autoclave_cell::{BootError, Cell, StateError};
use autoclave_ledger::{Event, Label};
use serde::{Deserialize, Serialize};

/// Where the last policy is remembered in the state.
const STATE_NAME: &str = "attestor/policy";

/// The policy's name in the ledger.
const POLICY_NAME: &str = "attestor/appraisal";

/// What is remembered of the manifest in force.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct Remembered {
    serial: u64,
    policy: Digest,
}

/// A manifest does not come into force; the one before stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("the manifest cannot be read")]
    Unreadable(#[source] io::Error),
    #[error(transparent)]
    Manifest(#[from] ManifestRefusal),
    #[error("what is remembered of the manifest is damaged")]
    Remembered,
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Ledger(#[from] AppendError),
}

impl PolicyError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "manifest.unreadable",
            Self::Manifest(refusal) => refusal.code(),
            Self::Remembered => "manifest.memory_damaged",
            Self::State(error) => error.code(),
            Self::Ledger(error) => error.code(),
        }
    }
}

impl From<PolicyError> for BootError {
    fn from(error: PolicyError) -> Self {
        Self::role(error.code(), error)
    }
}

/// The manifest over time.
pub(crate) struct Policy {
    path: PathBuf,
    in_force: Mutex<Arc<VerifiedManifest>>,
}

impl Policy {
    /// Reads the manifest; one older than the state remembers is refused.
    pub(crate) async fn open(cell: &Cell, path: PathBuf) -> Result<Self, PolicyError> {
        let manifest = admit(cell, &read(cell, &path).await?).await?;
        Ok(Self { path, in_force: Mutex::new(Arc::new(manifest)) })
    }

    /// The manifest of this moment.
    pub(crate) fn in_force(&self) -> Arc<VerifiedManifest> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the file again. To be called by one task only.
    pub(crate) async fn keep(&self, cell: &Cell) -> Result<(), PolicyError> {
        let raw = read(cell, &self.path).await?;
        if raw != self.in_force().raw() {
            let manifest = Arc::new(admit(cell, &raw).await?);
            *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = manifest;
        }
        Ok(())
    }
}

async fn read(cell: &Cell, path: &Path) -> Result<String, PolicyError> {
    let path = path.to_owned();
    let read = move || {
        let (mut raw, bytes_max) = (String::new(), JWS_BYTES_MAX as u64 + 1);
        File::open(path)?.take(bytes_max).read_to_string(&mut raw)?;
        Ok(raw.trim_end().to_owned())
    };
    let done = cell.machine().block_on(read).await;
    done.unwrap_or_else(|panicked| Err(io::Error::other(panicked))).map_err(PolicyError::Unreadable)
}

/// Verifies a manifest and, where it changes the policy, says so in the ledger before it
/// comes into force.
async fn admit(cell: &Cell, raw: &str) -> Result<VerifiedManifest, PolicyError> {
    let manifest = verify_manifest(raw, cell.trust().release_keys(), cell.now())?;
    let before = remembered(cell)?;
    let policy = policy_digest(&manifest);
    let older = before.is_some_and(|before| {
        manifest.serial() < before.serial
            || (manifest.serial() == before.serial && policy != before.policy)
    });
    if older || manifest.serial() < cell.trust().manifest_serial_min() {
        return Err(ManifestRefusal::Serial.into());
    }
    if before.is_none_or(|before| before.policy != policy) {
        let (from, name) = (before.map(|before| before.policy), Label::code(POLICY_NAME));
        cell.ledger().append(Event::PolicyChange { name, from, to: policy }).await?;
        let now = Remembered { serial: manifest.serial(), policy };
        let bytes = serde_json::to_vec(&now).map_err(|_| PolicyError::Remembered)?;
        cell.state().put(STATE_NAME, &bytes)?;
    }
    Ok(manifest)
}

fn remembered(cell: &Cell) -> Result<Option<Remembered>, PolicyError> {
    let Some(stored) = cell.state().get(STATE_NAME) else { return Ok(None) };
    serde_json::from_slice(stored.expose()).map(Some).map_err(|_| PolicyError::Remembered)
}
