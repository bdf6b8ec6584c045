//! The body of an opened message, and everything after it: trailers, padding, the final
//! chunk. It belongs to [`super::Body`]. It ends only where all of that was read and found
//! authentic and well formed.

use std::io;

use super::fields::{self, Framing};
use super::pump::Pieces;
use super::source::Source;
use super::{BODY_BYTES_MAX, CHUNK_BYTES_MAX, OpenRefusal, PADDING_BYTES_MAX};

/// Reads a body behind its head.
pub(super) struct Contents {
    source: Source,
    framing: Framing,
    /// What the head left of its bound; the trailers get it.
    budget: usize,
    /// Bytes announced but not read yet.
    left: u64,
    total: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of the body was read.
    First,
    /// Between two chunks of a body of indeterminate length.
    Next,
    /// Behind the body.
    Last,
    Done,
}

impl Contents {
    pub(super) fn new(source: Source, framing: Framing, budget: usize) -> Self {
        Self { source, framing, budget, left: 0, total: 0, stage: Stage::First }
    }

    async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, OpenRefusal> {
        loop {
            if self.left > 0 {
                return self.piece().await.map(Some);
            }
            match self.stage {
                Stage::First | Stage::Next => self.read_length().await?,
                Stage::Last => self.read_rest().await?,
                Stage::Done => return Ok(None),
            }
        }
    }

    async fn piece(&mut self) -> Result<Vec<u8>, OpenRefusal> {
        let piece = self.source.piece(self.left.min(CHUNK_BYTES_MAX as u64)).await?;
        if piece.is_empty() {
            return Err(OpenRefusal::Truncated);
        }
        self.left -= piece.len() as u64;
        Ok(piece)
    }

    /// The length of the body or of its next chunk. A message may end before its body, but
    /// not between two chunks (RFC 9292, section 3.8).
    async fn read_length(&mut self) -> Result<(), OpenRefusal> {
        let length = match self.source.varint().await? {
            Some(length) => length,
            None if self.stage == Stage::First => 0,
            None => return Err(OpenRefusal::Truncated),
        };
        self.total = self.total.checked_add(length).ok_or(OpenRefusal::BodyTooLarge)?;
        if self.total > BODY_BYTES_MAX {
            return Err(OpenRefusal::BodyTooLarge);
        }
        self.left = length;
        self.stage = match self.framing {
            Framing::IndeterminateLength if length > 0 => Stage::Next,
            _ => Stage::Last,
        };
        Ok(())
    }

    /// Trailers, which nobody asked for and nobody gets, then zeros up to the end.
    async fn read_rest(&mut self) -> Result<(), OpenRefusal> {
        fields::read(&mut self.source, self.framing, &mut self.budget).await?;
        let mut room = PADDING_BYTES_MAX;
        loop {
            let padding = self.source.piece(CHUNK_BYTES_MAX as u64).await?;
            if padding.is_empty() {
                self.stage = Stage::Done;
                return Ok(());
            }
            room = room.checked_sub(padding.len()).ok_or(OpenRefusal::Malformed)?;
            if padding.iter().any(|byte| *byte != 0) {
                return Err(OpenRefusal::Malformed);
            }
        }
    }
}

impl Pieces for Contents {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.next_piece().await.map_err(Into::into)
    }
}
