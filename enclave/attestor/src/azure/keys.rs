//! The RSA keys over time: the next one is published before it signs, old ones until their last
//! token has ended. The attestor's alone, made when somebody first needs them. No private half
//! outlives its rotation.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_base::ids::KeyName;
use autoclave_base::{Secret, UnixTime, b64};
use autoclave_cell::{Cell, Entropy, Refusal};
use autoclave_ledger::{Event, Label};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::TOKEN_LIFE_SECONDS_MAX;
use super::rsa::{RsaError, RsaKey};

/// Where the keys lie in the state.
const STATE_NAME: &str = "attestor/azure-keys";
/// Their name in the ledger.
const KEY_NAME: &str = "attestor/azure-signing";
/// Version of the stored form.
const VERSION: u32 = 1;

/// What goes wrong inside; told to the log, and as an inner failure to the caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeysError(&'static str);

impl KeysError {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        self.0
    }
}

impl From<KeysError> for Refusal {
    fn from(error: KeysError) -> Self {
        Self::internal(error.0)
    }
}

impl From<RsaError> for KeysError {
    fn from(_: RsaError) -> Self {
        Self("attestor.azure_keys_damaged")
    }
}

/// The keys of one moment.
pub(crate) struct Ring {
    generation: u32,
    since: UnixTime,
    pub(crate) current: Arc<RsaKey>,
    pub(crate) next: Arc<RsaKey>,
    pub(crate) retired: Vec<Retired>,
}

/// A key that signs no more, and whose tokens may still be looked at.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retired {
    /// Its public half.
    pub(crate) jwk: Value,
    /// The certificates that it was published with, in base64.
    pub(crate) x5c: Vec<String>,
    until: UnixTime,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    generation: u32,
    since: UnixTime,
    current: String,
    next: String,
    retired: Vec<Retired>,
}

/// The keys over time.
#[derive(Default)]
pub(crate) struct Keys(OnceCell<Mutex<Arc<Ring>>>);

impl Keys {
    /// The keys of this moment; the stored ones, or, the first time, new ones.
    pub(crate) async fn in_use(&self, cell: &Cell) -> Result<Arc<Ring>, KeysError> {
        let open = || async { Ok::<_, KeysError>(Mutex::new(Arc::new(open(cell).await?))) };
        let ring = self.0.get_or_try_init(open).await?;
        Ok(ring.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Rotates keys that have signed for `life_seconds`; `x5c` are the certificates that the
    /// one that signs now was published with. To be called by one task only.
    pub(crate) async fn keep(
        &self,
        cell: &Cell,
        life_seconds: u64,
        x5c: impl FnOnce(&Ring) -> Vec<String>,
    ) -> Result<(), KeysError> {
        let Some(ring) = self.0.get() else { return Ok(()) };
        let old = ring.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = cell.now();
        if now.since(old.since) < life_seconds {
            return Ok(());
        }
        let until = now.plus(TOKEN_LIFE_SECONDS_MAX + CLOCK_SKEW_SECONDS);
        let mut retired = old.retired.clone();
        retired.retain(|key| key.until > now);
        retired.push(Retired { jwk: old.current.jwk(), x5c: x5c(&old), until });
        let new = Ring {
            generation: old.generation.saturating_add(1),
            since: now,
            current: old.next.clone(),
            next: Arc::new(generate(cell).await?),
            retired,
        };
        store(cell, &new, "rotated").await?;
        *ring.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }
}

async fn open(cell: &Cell) -> Result<Ring, KeysError> {
    if let Some(stored) = cell.state().get(STATE_NAME) {
        return Ring::from_bytes(stored.expose());
    }
    let (current, next) = (generate(cell).await?, generate(cell).await?);
    let ring = Ring {
        generation: 1,
        since: cell.now(),
        current: Arc::new(current),
        next: Arc::new(next),
        retired: Vec::new(),
    };
    store(cell, &ring, "created").await?;
    Ok(ring)
}

/// On a thread that may be busy for a while.
async fn generate(cell: &Cell) -> Result<RsaKey, KeysError> {
    let made = cell.machine().block_on(|| RsaKey::generate(&mut Entropy)).await;
    Ok(made.map_err(|_| KeysError("attestor.azure_keys_panicked"))??)
}

/// The line first, then the state: a key without its line is never used.
async fn store(cell: &Cell, ring: &Ring, action: &'static str) -> Result<(), KeysError> {
    let event = Event::KeyChange {
        institution: None,
        key: key_name(),
        version: ring.generation,
        action: Label::code(action),
        by: Label::code("attestor"),
    };
    cell.ledger().append(event).await.map_err(|error| KeysError(error.code()))?;
    let bytes = ring.to_bytes()?;
    cell.state().put(STATE_NAME, bytes.expose()).map_err(|error| KeysError(error.code()))
}

impl Ring {
    fn to_bytes(&self) -> Result<Secret<Vec<u8>>, KeysError> {
        let stored = Stored {
            v: VERSION,
            generation: self.generation,
            since: self.since,
            current: b64::encode(self.current.pkcs8().as_slice()),
            next: b64::encode(self.next.pkcs8().as_slice()),
            retired: self.retired.clone(),
        };
        let bytes = serde_json::to_vec(&stored).map_err(|_| RsaError)?;
        let (current, next) = (Zeroizing::new(stored.current), Zeroizing::new(stored.next));
        drop((current, next));
        Ok(Secret::new(bytes))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, KeysError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| RsaError)?;
        if stored.v != VERSION {
            return Err(RsaError.into());
        }
        let key = |text: String| {
            let text = Zeroizing::new(text);
            let pkcs8 = Zeroizing::new(b64::decode(&text).map_err(|_| RsaError)?);
            RsaKey::from_pkcs8(pkcs8).map(Arc::new)
        };
        Ok(Self {
            generation: stored.generation,
            since: stored.since,
            current: key(stored.current)?,
            next: key(stored.next)?,
            retired: stored.retired,
        })
    }
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn key_name() -> KeyName {
    KeyName::parse(KEY_NAME).expect("a name")
}
