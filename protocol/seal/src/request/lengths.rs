//! Gives `ohttp` the length of each chunk in one go. When a connection pauses inside a length,
//! as TCP does somewhere in any long upload, `ohttp` 0.8 forgets that it had begun to read
//! one and takes what follows for the final chunk. Here no byte of a length is passed on
//! before all of it has come; nothing is checked or changed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::AsyncRead;

use super::chunks::Reader;

/// The longest variable-length integer (RFC 9000, section 16).
const LENGTH_BYTES_MAX: usize = 8;

/// The chunks of a sealed message, their lengths in one piece.
pub(super) struct WholeLengths {
    from: Reader,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Bytes that are no length are passed through, so many of them.
    Through(u64),
    /// A length is coming.
    Coming { bytes: [u8; LENGTH_BYTES_MAX], have: usize },
    /// A length has come and is given on.
    Giving { bytes: [u8; LENGTH_BYTES_MAX], have: usize, given: usize },
}

impl WholeLengths {
    /// `before` bytes precede the first chunk.
    pub(super) fn new(from: impl AsyncRead + Send + 'static, before: u64) -> Self {
        Self { from: Box::pin(from), state: after_through(before) }
    }

    fn poll_through(
        &mut self,
        left: u64,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let read = ready!(self.from.as_mut().poll_read(cx, &mut buf[..most]))?;
        self.state = match left {
            u64::MAX => State::Through(u64::MAX),
            left => after_through(left - read as u64),
        };
        Poll::Ready(Ok(read))
    }

    /// Reads the length up to its end, or what there is of it.
    fn poll_coming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let State::Coming { bytes, have } = &mut self.state {
            let width = if *have == 0 { 1 } else { width(bytes[0]) };
            let read = if *have < width {
                ready!(self.from.as_mut().poll_read(cx, &mut bytes[*have..width]))?
            } else {
                0
            };
            *have += read;
            if read == 0 {
                self.state = State::Giving { bytes: *bytes, have: *have, given: 0 };
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WholeLengths {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_coming(cx))?;
        match self.state {
            State::Through(left) => self.poll_through(left, cx, buf),
            State::Coming { .. } => Poll::Ready(Ok(0)),
            State::Giving { bytes, have, given } => {
                let count = (have - given).min(buf.len());
                buf[..count].copy_from_slice(&bytes[given..given + count]);
                self.state = if given + count == have {
                    after_length(&bytes[..have])
                } else {
                    State::Giving { bytes, have, given: given + count }
                };
                Poll::Ready(Ok(count))
            }
        }
    }
}

const fn width(first: u8) -> usize {
    1 << (first >> 6)
}

/// A length follows what was passed through.
fn after_through(left: u64) -> State {
    match left {
        0 => State::Coming { bytes: [0; LENGTH_BYTES_MAX], have: 0 },
        left => State::Through(left),
    }
}

/// A chunk follows its length. After a zero comes the final chunk, as does nothing after a
/// length that was cut short.
fn after_length(bytes: &[u8]) -> State {
    let Some((first, rest)) = bytes.split_first() else { return State::Through(u64::MAX) };
    if rest.len() + 1 < width(*first) {
        return State::Through(u64::MAX);
    }
    let start = u64::from(first & 0x3f);
    match rest.iter().fold(start, |length, byte| length << 8 | u64::from(*byte)) {
        0 => State::Through(u64::MAX),
        length => State::Through(length),
    }
}
