//! Bodies in and out: chunks, as they come and as they are opened. Nobody's. A body that
//! breaks off says so by its end, never by what is missing.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};

/// A body stopped in its midst: the connection broke, or a part does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body broke off")]
pub struct BrokenOff;

/// Chunks of a body.
pub type Chunks = BoxStream<'static, Result<Bytes, BrokenOff>>;

/// The body of an answer.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Chunk by chunk.
    Stream(Chunks),
}

impl Body {
    /// Without anything.
    pub const EMPTY: Self = Self::Whole(Bytes::new());

    /// As chunks, whichever it is.
    pub fn into_chunks(self) -> Chunks {
        match self {
            Self::Whole(bytes) => stream::once(async move { Ok(bytes) }).boxed(),
            Self::Stream(chunks) => chunks,
        }
    }
}
