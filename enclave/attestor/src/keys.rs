//! The keyring in use: kept in sealed state, named in the ledger, vouched for by the
//! enclave's evidence. The attestor's alone. A key that is not stored signs nothing.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use autoclave_attest::token::KeySet;
use autoclave_base::ids::KeyName;
use autoclave_cell::{BootError, Cell};
use autoclave_ledger::{Event, Label};

use crate::keyring::{Keyring, KeyringError};
use crate::signing::{SigningError, self_signed};

/// Where the keyring lies in the state.
const STATE_NAME: &str = "attestor/keyring";

/// The keys' name in the ledger.
const KEY_NAME: &str = "attestor/token-signing";

/// The keys of this moment.
#[derive(Clone)]
pub(crate) struct InUse {
    pub(crate) ring: Arc<Keyring>,
    pub(crate) published: Arc<KeySet>,
    certificate: Arc<OnceLock<Vec<u8>>>,
}

/// The keys over time.
pub(crate) struct Keys(Mutex<InUse>);

/// A new generation could not come into use; the old one stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Published(#[from] autoclave_attest::token::KeySetRefusal),
    #[error(transparent)]
    State(#[from] autoclave_cell::StateError),
    #[error(transparent)]
    Ledger(#[from] autoclave_cell::ledger::AppendError),
}

impl KeysError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Keyring(_) => "attestor.keyring_damaged",
            Self::Published(refusal) => refusal.code(),
            Self::State(error) => error.code(),
            Self::Ledger(error) => error.code(),
        }
    }
}

impl From<KeysError> for BootError {
    fn from(error: KeysError) -> Self {
        Self::role(error.code(), error)
    }
}

impl Keys {
    /// The stored keys, or the first ones.
    pub(crate) async fn open(cell: &Cell) -> Result<Self, KeysError> {
        let in_use = if let Some(stored) = cell.state().get(STATE_NAME) {
            InUse::of(Keyring::from_bytes(stored.expose())?)?
        } else {
            let first = Keyring::generate(&mut cell.rng(), cell.now());
            store(cell, first, "created").await?
        };
        cell.set_jwks_digest(in_use.published.digest());
        Ok(Self(Mutex::new(in_use)))
    }

    /// The keys of this moment.
    pub(crate) fn in_use(&self) -> InUse {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Rotates keys that are due, and forgets those that have outlived their tokens. To be
    /// called by one task only.
    pub(crate) async fn keep(&self, cell: &Cell, life_seconds: u64) -> Result<(), KeysError> {
        let (ring, now) = (self.in_use().ring, cell.now());
        if ring.is_due(life_seconds, now) {
            let rotated = ring.rotated(&mut cell.rng(), now);
            self.replace(cell, store(cell, rotated, "rotated").await?);
        } else if ring.is_stale(now) {
            self.replace(cell, store(cell, ring.pruned(now), "retired").await?);
        }
        Ok(())
    }

    /// A client that asks for evidence and keys in this moment may see one of each, refuse
    /// both, and ask again.
    fn replace(&self, cell: &Cell, new: InUse) {
        let digest = new.published.digest();
        let mut in_use = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *in_use = new;
        cell.set_jwks_digest(digest);
    }
}

impl InUse {
    fn of(ring: Keyring) -> Result<Self, KeysError> {
        let published = Arc::new(ring.published()?);
        Ok(Self { ring: Arc::new(ring), published, certificate: Arc::default() })
    }

    /// A certificate of the key that signs (DER), the same as long as it signs.
    pub(crate) fn certificate(&self, issuer: &str) -> Result<Vec<u8>, SigningError> {
        if let Some(made) = self.certificate.get() {
            return Ok(made.clone());
        }
        let made = self_signed(self.ring.current(), issuer, self.ring.since())?;
        Ok(self.certificate.get_or_init(|| made).clone())
    }
}

/// The line first, then the state: a key without its line is never used.
async fn store(cell: &Cell, ring: Keyring, action: &'static str) -> Result<InUse, KeysError> {
    let event = Event::KeyChange {
        institution: None,
        key: key_name(),
        version: ring.generation(),
        action: Label::code(action),
        by: Label::code("attestor"),
    };
    cell.ledger().append(event).await?;
    cell.state().put(STATE_NAME, ring.to_bytes()?.expose())?;
    InUse::of(ring)
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn key_name() -> KeyName {
    KeyName::parse(KEY_NAME).expect("a name")
}
