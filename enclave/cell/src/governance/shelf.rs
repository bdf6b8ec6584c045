//! Where governed policies are kept: the enclave's own sealed state, or a store that several
//! replicas share. Whoever implements it seals what it is given, and never gives back half
//! of it.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use crate::{Cell, StateError};

/// What is kept under a name, and which writing of it this is.
pub type Shelved = Option<(u64, Vec<u8>)>;

/// Something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The enclave's own state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another replica wrote meanwhile; nothing has changed.
    #[error("another replica was faster")]
    Conflict,
    /// A shared store; its stable code.
    #[error("the shared store does not answer: {0}")]
    Store(&'static str),
}

impl ShelfError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::State(error) => error.code(),
            Self::Conflict => "governance.conflict",
            Self::Store(code) => code,
        }
    }
}

/// A place for sealed values.
pub trait Shelf: Send + Sync + 'static {
    /// Reads a value.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Shelved, ShelfError>>;

    /// Writes a value over the writing `expected` (none: it is new), durably, or not at all.
    fn write<'a>(
        &'a self,
        name: &'a str,
        expected: Option<u64>,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<u64, ShelfError>>;

    /// Whether others write as well, so that it has to be read again.
    fn is_shared(&self) -> bool {
        false
    }
}

/// The enclave's own sealed state: one writer, so that writings need no number.
pub(super) struct OwnState(pub(super) Arc<Cell>);

impl Shelf for OwnState {
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Shelved, ShelfError>> {
        let value = self.0.state().get(name).map(|value| (0, value.expose().clone()));
        std::future::ready(Ok(value)).boxed()
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        _expected: Option<u64>,
        value: &'a [u8],
    ) -> BoxFuture<'a, Result<u64, ShelfError>> {
        let written = self.0.state().put(name, value).map(|()| 0).map_err(ShelfError::from);
        std::future::ready(written).boxed()
    }
}
