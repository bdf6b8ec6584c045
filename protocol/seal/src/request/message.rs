//! A message on its way into the seal: head, body in chunks, no trailers, final chunk. It
//! belongs to [`super::SealedStream`]. At most one chunk of the body is in memory.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _};

use super::CHUNK_BYTES_MAX;
use super::chunks::{Reader, Sealer};
use super::pump::Pieces;

/// The length before a piece of the body: a varint of two bytes, which holds 14 bits.
const LENGTH_BYTES: usize = 2;
/// What marks a varint as one of two bytes.
const TWO_BYTES: u16 = 1 << 14;
/// The least of a body that shares a chunk with the head.
const SHARE_BYTES_MIN: usize = 1024;
/// No more body, and no trailers.
const ENDS: [u8; 2] = [0, 0];

/// Seals a message piece by piece.
pub(super) struct Message {
    sealer: Sealer,
    head: Vec<u8>,
    body: Reader,
    stage: Stage,
}

enum Stage {
    Body,
    Final,
    Done,
}

impl Message {
    /// `head` ends where the body's first length belongs.
    pub(super) fn new(
        sealer: Sealer,
        head: Vec<u8>,
        body: impl AsyncRead + Send + 'static,
    ) -> Self {
        Self { sealer, head, body: Box::pin(body), stage: Stage::Body }
    }

    /// The head, if it is still here, and what the body gives at one reading.
    async fn plain(&mut self) -> io::Result<Vec<u8>> {
        let mut plain = std::mem::take(&mut self.head);
        let start = plain.len() + LENGTH_BYTES;
        let room = CHUNK_BYTES_MAX.saturating_sub(start).max(SHARE_BYTES_MIN);
        plain.resize(start + room, 0);
        let read = self.body.read(&mut plain[start..]).await?;
        plain.truncate(start + read);
        match u16::try_from(read) {
            Ok(read) if read > 0 => {
                plain[start - LENGTH_BYTES..start]
                    .copy_from_slice(&(TWO_BYTES | read).to_be_bytes());
            }
            _ => {
                plain[start - LENGTH_BYTES..].copy_from_slice(&ENDS);
                self.stage = Stage::Final;
            }
        }
        Ok(plain)
    }
}

impl Pieces for Message {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.stage {
            Stage::Body => {
                let plain = self.plain().await?;
                self.sealer.chunk(&plain).await.map(Some)
            }
            Stage::Final => {
                self.stage = Stage::Done;
                self.sealer.finish().await.map(Some)
            }
            Stage::Done => Ok(None),
        }
    }
}
