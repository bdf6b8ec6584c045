//! The two streams that leave this module: sealed bytes to send, and an opened body to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncReadExt as _, Stream};

use super::OpenRefusal;
use super::pump::{Pieces, Pump};

/// A sealed message, made chunk by chunk as it is read. If the body that it seals fails,
/// so does this stream, and what was sent until then has no final chunk and is refused by
/// whoever opens it.
pub struct SealedStream(Pump);

/// The body of an opened message. Its end is reached only when the message was complete and
/// authentic; until then what was read may still turn out to be a part of a message that was
/// cut short, so no effect may come before the end. Errors stay: reading on repeats them.
pub struct Body(Pump);

impl SealedStream {
    pub(super) fn new(pieces: impl Pieces) -> Self {
        Self(Pump::new(pieces))
    }

    /// The same bytes as a stream of pieces, for HTTP libraries that take one.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + Unpin + 'static {
        self.0
    }
}

impl Body {
    pub(super) fn new(pieces: impl Pieces) -> Self {
        Self(Pump::new(pieces))
    }

    /// The same bytes as a stream of pieces, for HTTP libraries that take one.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + Unpin + 'static {
        self.0
    }

    /// Reads the whole body, of at most `bytes_max`.
    pub async fn read_all(self, bytes_max: usize) -> Result<Vec<u8>, OpenRefusal> {
        let mut all = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        self.take(limit).read_to_end(&mut all).await.map_err(|error| OpenRefusal::of(&error))?;
        if all.len() > bytes_max { Err(OpenRefusal::BodyTooLarge) } else { Ok(all) }
    }
}

macro_rules! reads_from_pump {
    ($($stream:ty),*) => {$(
        impl AsyncRead for $stream {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read(cx, buf)
            }
        }
    )*};
}

reads_from_pump!(SealedStream, Body);
