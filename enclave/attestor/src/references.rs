//! Reference values of others: signed `CoRIM` documents by keys that the configuration names,
//! kept in sealed state until they end. The attestor's. One that nobody signed, or a
//! stranger, is refused; none counts before its line is durable, and none makes a token of
//! ours affirming: that only the release manifest does.

mod routes;

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::corim::{self, CorimKey, CorimRefusal, VerifiedCorim};
use autoclave_base::{Digest, b64};
use autoclave_cell::{BootError, Cell, Refusal, event};
use autoclave_ledger::{Event, Label};
use http::StatusCode;

pub(crate) use routes::routes;

/// Where the documents lie in the state.
const STATE_NAME: &str = "attestor/references";
/// Their name in the ledger.
const LEDGER_NAME: &str = "attestor/references";
/// Most documents at once: 64 signers' latest, at most 2 MiB of state.
const HELD_MAX: usize = 64;

const FULL: Refusal = Refusal::unavailable("corim.full", "There is no room for more references.");
const OLDER: Refusal = Refusal::new(
    StatusCode::CONFLICT,
    "corim.older",
    "A later document of that name is already here.",
);
const DAMAGED: Refusal = Refusal::internal("corim.state_damaged");

/// One document, and as it came.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) verified: Arc<VerifiedCorim>,
    raw: Arc<Vec<u8>>,
}

/// The documents over time.
pub(crate) struct References {
    cell: Arc<Cell>,
    signers: Vec<CorimKey>,
    held: Mutex<Vec<Held>>,
    turn: tokio::sync::Mutex<()>,
}

impl References {
    /// Those of the state whose signers are still configured and that have not ended.
    pub(crate) fn open(cell: &Arc<Cell>, signers: Vec<CorimKey>) -> Result<Self, BootError> {
        let stored = cell.state().get(STATE_NAME);
        let texts: Vec<String> = match &stored {
            None => Vec::new(),
            Some(stored) => serde_json::from_slice(stored.expose())
                .map_err(|error| BootError::role("corim.state_damaged", error))?,
        };
        let again = |text: &String| {
            let raw = b64::decode(text).ok()?;
            match corim::verify(&raw, &signers, cell.now()) {
                Ok(verified) => Some(Held { verified: Arc::new(verified), raw: Arc::new(raw) }),
                Err(refusal) => {
                    event!(WARN, "attestor.reference_dropped", reason = refusal.code());
                    None
                }
            }
        };
        let held = Mutex::new(texts.iter().filter_map(again).collect());
        Ok(Self { cell: cell.clone(), signers, held, turn: tokio::sync::Mutex::default() })
    }

    /// All that count.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a document: verified, then its line, then the state, then in use. The latest of
    /// a signer's documents under one name replaces the one before.
    pub(crate) async fn submit(&self, raw: Vec<u8>) -> Result<Held, Refusal> {
        let _turn = self.turn.lock().await;
        let verified = corim::verify(&raw, &self.signers, self.cell.now()).map_err(of_corim)?;
        let new = Held { verified: Arc::new(verified), raw: Arc::new(raw) };
        let (now, before) = (self.cell.now(), self.held());
        if let Some(same) =
            before.iter().find(|held| held.verified.digest() == new.verified.digest())
        {
            return Ok(same.clone());
        }
        let mut after: Vec<Held> =
            before.iter().filter(|held| held.verified.corim().not_after > now).cloned().collect();
        if let Some(at) = after.iter().position(|held| is_same_name(held, &new)) {
            let earlier = after.remove(at);
            if earlier.verified.corim().not_before > new.verified.corim().not_before {
                return Err(OLDER);
            }
        }
        if after.len() >= HELD_MAX {
            return Err(FULL);
        }
        after.push(new.clone());
        self.store(&before, &after).await?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = after;
        Ok(new)
    }

    async fn store(&self, before: &[Held], after: &[Held]) -> Result<(), Refusal> {
        let from = (!before.is_empty()).then(|| digest(before));
        let (name, to) = (Label::code(LEDGER_NAME), digest(after));
        self.cell.ledger().append(Event::PolicyChange { name, from, to }).await?;
        let texts: Vec<String> =
            after.iter().map(|held| b64::encode(held.raw.as_slice())).collect();
        let state = serde_json::to_vec(&texts).map_err(|_| DAMAGED)?;
        self.cell.state().put(STATE_NAME, &state).map_err(|error| DAMAGED.caused_by(error.code()))
    }
}

fn is_same_name(one: &Held, other: &Held) -> bool {
    one.verified.signer() == other.verified.signer()
        && one.verified.corim().id == other.verified.corim().id
}

/// The digest of all documents' digests, in the order in which they came.
fn digest(held: &[Held]) -> Digest {
    let digests = held.iter().map(|held| *held.verified.digest().bytes());
    Digest::of(digests.collect::<Vec<_>>().concat())
}

/// A document is not taken.
const fn of_corim(refusal: CorimRefusal) -> Refusal {
    let status = match refusal {
        CorimRefusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        CorimRefusal::Malformed => StatusCode::BAD_REQUEST,
        CorimRefusal::Unsigned | CorimRefusal::Signer | CorimRefusal::Signature => {
            StatusCode::FORBIDDEN
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Refusal::new(status, refusal.code(), "The reference values are not taken.")
}
