//! Reads the primitives of binary HTTP (RFC 9292): variable-length integers and strings with
//! a bound. `bhttp` 0.8 has a reader too, but it waits for ever when an integer is split over
//! two reads, and it allocates whatever length it is told. Nothing here interprets a message.

use futures::AsyncRead;
use futures::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Cursor};

use super::chunks::Reader;
use super::{CHUNK_BYTES_MAX, OpenRefusal};
use crate::suite::TAG_BYTES;

/// The plaintext of a message, read from front to back.
pub(super) struct Source(BufReader<Reader>);

impl Source {
    /// Reads from a stream. A sealed chunk fits into the buffer, so `ohttp` decrypts into it.
    pub(super) fn new(from: impl AsyncRead + Send + 'static) -> Self {
        Self(BufReader::with_capacity(CHUNK_BYTES_MAX + TAG_BYTES, Box::pin(from)))
    }

    /// Reads from bytes at hand.
    pub(super) fn over(bytes: Vec<u8>) -> Self {
        Self(BufReader::with_capacity(64, Box::pin(Cursor::new(bytes))))
    }

    /// The next byte, or none at the end.
    pub(super) async fn byte(&mut self) -> Result<Option<u8>, OpenRefusal> {
        let byte = self.filled().await?.first().copied();
        if byte.is_some() {
            self.0.consume_unpin(1);
        }
        Ok(byte)
    }

    /// A QUIC variable-length integer (RFC 9000, section 16), or none at the end.
    pub(super) async fn varint(&mut self) -> Result<Option<u64>, OpenRefusal> {
        let Some(first) = self.byte().await? else { return Ok(None) };
        let mut value = u64::from(first & 0x3f);
        for _ in 1..(1_u8 << (first >> 6)) {
            let byte = self.byte().await?.ok_or(OpenRefusal::Truncated)?;
            value = value << 8 | u64::from(byte);
        }
        Ok(Some(value))
    }

    /// Exactly `length` bytes, taken from what `budget` leaves.
    pub(super) async fn bytes(
        &mut self,
        length: u64,
        budget: &mut usize,
    ) -> Result<Vec<u8>, OpenRefusal> {
        let length = usize::try_from(length).map_err(|_| OpenRefusal::HeadTooLarge)?;
        *budget = budget.checked_sub(length).ok_or(OpenRefusal::HeadTooLarge)?;
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.map_err(|error| OpenRefusal::of(&error))?;
        Ok(bytes)
    }

    /// A string after its length; the length itself counts for one byte.
    pub(super) async fn string(&mut self, budget: &mut usize) -> Result<Vec<u8>, OpenRefusal> {
        let length = self.varint().await?.ok_or(OpenRefusal::Truncated)?;
        self.bytes(length, budget).await
    }

    /// Some bytes, at most `most`; empty only at the end.
    pub(super) async fn piece(&mut self, most: u64) -> Result<Vec<u8>, OpenRefusal> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let filled = self.filled().await?;
        let piece = filled[..filled.len().min(most)].to_vec();
        self.0.consume_unpin(piece.len());
        Ok(piece)
    }

    async fn filled(&mut self) -> Result<&[u8], OpenRefusal> {
        self.0.fill_buf().await.map_err(|error| OpenRefusal::of(&error))
    }
}
