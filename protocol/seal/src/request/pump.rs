//! A byte stream made of pieces that an asynchronous function yields one after another. It
//! is how this crate writes both directions without hand-made state machines. After an error
//! it gives that error for ever: a caller that asks again never sees an end instead.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{BoxStream, Stream, StreamExt as _, try_unfold};

use super::OpenRefusal;

/// Something that yields bytes piece by piece; no piece is longer than about two chunks.
pub(super) trait Pieces: Send + 'static {
    /// The next piece (empty ones are passed over), or none at the verified end.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Vec<u8>>>> + Send;
}

/// [`Pieces`] as a stream and a reader.
pub(super) struct Pump {
    pieces: BoxStream<'static, io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
    state: State,
}

enum State {
    Running,
    Ended,
    Failed(io::ErrorKind, Option<OpenRefusal>),
}

impl Pump {
    pub(super) fn new(pieces: impl Pieces) -> Self {
        let pieces = try_unfold(pieces, |mut pieces| async move {
            Ok(pieces.next().await?.map(|piece| (piece, pieces)))
        });
        Self { pieces: pieces.boxed(), piece: Vec::new(), read: 0, state: State::Running }
    }

    /// What is left of the current piece, after fetching the next one if nothing is. Empty
    /// means the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read == self.piece.len() {
            match &self.state {
                State::Ended => break,
                State::Failed(kind, refusal) => return Poll::Ready(Err(again(*kind, *refusal))),
                State::Running => {}
            }
            match ready!(self.pieces.poll_next_unpin(cx)) {
                Some(Ok(piece)) => (self.piece, self.read) = (piece, 0),
                Some(Err(error)) => self.state = failed(&error),
                None => self.state = State::Ended,
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_fill(cx))?;
        let left = &self.piece[self.read..];
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.read += count;
        Poll::Ready(Ok(count))
    }
}

impl Stream for Pump {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(error) = ready!(self.poll_fill(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        let mut piece = std::mem::take(&mut self.piece);
        let read = std::mem::take(&mut self.read);
        piece.drain(..read);
        Poll::Ready(Some(piece).filter(|piece| !piece.is_empty()).map(Ok))
    }
}

fn failed(error: &io::Error) -> State {
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<OpenRefusal>());
    State::Failed(error.kind(), refusal.copied())
}

fn again(kind: io::ErrorKind, refusal: Option<OpenRefusal>) -> io::Error {
    refusal.map_or_else(|| kind.into(), Into::into)
}
