//! The memory of what was decided, kept sealed some moments after: what a kill takes from it
//! still stands in the ledger, without its words. It decides nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autoclave_policy::{Decisions, Past};

use crate::{Cell, StateError};

/// The decisions of this enclave.
pub(super) struct Journal {
    cell: Arc<Cell>,
    place: String,
    decisions: Mutex<Decisions>,
    changed: AtomicBool,
}

impl Journal {
    /// What the state remembers; what cannot be read is forgotten.
    pub(super) fn open(cell: Arc<Cell>, policy: &str) -> Self {
        let place = format!("governance/decisions/{policy}");
        let kept = cell.state().get(&place);
        let kept = kept.and_then(|bytes| serde_json::from_slice(bytes.expose()).ok());
        let decisions = Mutex::new(kept.unwrap_or_default());
        Self { cell, place, decisions, changed: AtomicBool::new(false) }
    }

    pub(super) fn note(&self, past: Past) {
        self.lock().note(past);
        self.changed.store(true, Ordering::Release);
    }

    /// Writes down what is new.
    pub(super) fn keep(&self) -> Result<(), StateError> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // Plain data always has a JSON form.
        let bytes = serde_json::to_vec(&*self.lock()).unwrap_or_default();
        let kept = self.cell.state().put(&self.place, &bytes);
        if kept.is_err() {
            self.changed.store(true, Ordering::Release);
        }
        kept
    }

    /// Looks at the decisions.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Decisions) -> T) -> T {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
