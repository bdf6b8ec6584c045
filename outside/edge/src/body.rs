//! A body on its way through: counted, bounded, and given up when it stalls.
//! It belongs to the edge; frames pass as they come.
//! Nothing here collects a body or looks into one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use hyper::body::Bytes;
use tokio::time::{Instant, Sleep, sleep};

/// Why a body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyEnded {
    #[error("the body is larger than the route allows")]
    TooLarge,
    #[error("the body stalled")]
    Stalled,
    #[error("the connection broke within the body")]
    Broken,
}

/// What has passed so far, readable while the body is elsewhere.
#[derive(Default)]
pub(crate) struct Tally {
    bytes: AtomicU64,
    ended: AtomicU8,
}

impl Tally {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the body ended early, if it did.
    pub(crate) fn ended(&self) -> Option<BodyEnded> {
        match self.ended.load(Ordering::Relaxed) {
            1 => Some(BodyEnded::TooLarge),
            2 => Some(BodyEnded::Stalled),
            3 => Some(BodyEnded::Broken),
            _ => None,
        }
    }

    fn end(&self, why: BodyEnded) -> BodyEnded {
        let mark = match why {
            BodyEnded::TooLarge => 1,
            BodyEnded::Stalled => 2,
            BodyEnded::Broken => 3,
        };
        self.ended.store(mark, Ordering::Relaxed);
        why
    }
}

/// A body under watch.
pub(crate) struct Watched<B> {
    inner: B,
    bytes_left: u64,
    stall: Duration,
    alarm: Pin<Box<Sleep>>,
    tally: Arc<Tally>,
}

impl<B> Watched<B> {
    pub(crate) fn new(inner: B, bytes_max: u64, stall: Duration) -> Self {
        let alarm = Box::pin(sleep(stall));
        Self { inner, bytes_left: bytes_max, stall, alarm, tally: Arc::default() }
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyEnded> {
        let deadline = Instant::now() + self.stall;
        self.alarm.as_mut().reset(deadline);
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.bytes_left = self
            .bytes_left
            .checked_sub(bytes)
            .ok_or_else(|| self.tally.end(BodyEnded::TooLarge))?;
        self.tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(frame)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = BodyEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.pass(frame))),
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.tally.end(BodyEnded::Broken)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.alarm.as_mut().poll(context));
                Poll::Ready(Some(Err(self.tally.end(BodyEnded::Stalled))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    type Piece = Result<Frame<Bytes>, std::io::Error>;

    fn watched(pieces: Vec<Piece>, max: u64) -> Watched<impl Body<Data = Bytes> + Unpin> {
        Watched::new(StreamBody::new(stream::iter(pieces)), max, Duration::from_mins(1))
    }

    fn data(bytes: usize) -> Frame<Bytes> {
        Frame::data(Bytes::from(vec![0; bytes]))
    }

    #[tokio::test]
    async fn frames_pass_and_are_counted() {
        let body = watched(vec![Ok(data(3)), Ok(data(4))], 7);
        let tally = body.tally();
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 7);
        assert_eq!((tally.bytes(), tally.ended()), (7, None));
    }

    #[tokio::test]
    async fn one_byte_too_many_ends_it() {
        let body = watched(vec![Ok(data(3)), Ok(data(5))], 7);
        let tally = body.tally();
        assert_eq!(body.collect().await.unwrap_err(), BodyEnded::TooLarge);
        assert_eq!(tally.ended(), Some(BodyEnded::TooLarge));
    }

    #[tokio::test]
    async fn a_break_is_not_an_end() {
        let broken = Err(std::io::Error::other("gone"));
        let body = watched(vec![Ok(data(3)), broken], 7);
        assert_eq!(body.collect().await.unwrap_err(), BodyEnded::Broken);
    }

    #[tokio::test]
    async fn silence_ends_it() {
        let silent = StreamBody::new(stream::pending::<Piece>());
        let body = Watched::new(silent, 7, Duration::from_millis(1));
        assert_eq!(body.collect().await.unwrap_err(), BodyEnded::Stalled);
    }
}
