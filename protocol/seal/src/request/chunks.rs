//! The seams to `ohttp`, whose streams are pushed into a writer and pulled from a reader, and
//! whose types have no public names. Here the writer is a buffer that its reader empties
//! chunk by chunk, so that both sides of this crate can be pulled. No key passes through.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::OpenRefusal;

/// Any reader, owned.
pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Shorter than any sealed chunk, so that `ohttp` decrypts beside it, not into it.
const SCRATCH_BYTES: usize = 8;

/// Where `ohttp` writes sealed bytes. It takes all that it is given at once; [`Sealer`]
/// empties it after each chunk, so it never holds more than one message head and one chunk.
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<Vec<u8>>>);

impl Outbox {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsyncWrite for Outbox {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Turns plaintext into sealed bytes, chunk by chunk.
pub(super) struct Sealer {
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    outbox: Outbox,
}

impl Sealer {
    /// `writer` is an `ohttp` stream that writes into `outbox`.
    pub(super) fn new(writer: impl AsyncWrite + Send + 'static, outbox: Outbox) -> Self {
        Self { writer: Box::pin(writer), outbox }
    }

    /// Seals `plain`, which must not be empty.
    pub(super) async fn chunk(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        self.writer.write_all(plain).await?;
        self.writer.flush().await?;
        Ok(self.outbox.take())
    }

    /// The final chunk: what tells the end from a cut.
    pub(super) async fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.writer.close().await?;
        Ok(self.outbox.take())
    }
}

/// A place for a reader that comes later: `ohttp` wants the answer's bytes before the
/// request is sent.
#[derive(Clone, Default)]
pub(super) struct Inlet(Arc<Mutex<Option<Reader>>>);

impl Inlet {
    /// Connects the reader.
    pub(super) fn connect(&self, reader: Reader) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
    }
}

impl AsyncRead for Inlet {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_mut() {
            Some(reader) => reader.as_mut().poll_read(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// Plaintext from an `ohttp` stream, with its errors in our words.
///
/// An empty chunk in the middle of a stream makes `ohttp` 0.8 return "0 bytes" when it
/// decrypts into the caller's buffer, which looks like the end. With a buffer that no chunk
/// fits into it reads on, so a seeming end is asked about once more in that way.
pub(super) struct OpenedChunks(Reader);

impl OpenedChunks {
    /// `plain` is an `ohttp` stream.
    pub(super) fn new(plain: impl AsyncRead + Send + 'static) -> Self {
        Self(Box::pin(plain))
    }
}

impl AsyncRead for OpenedChunks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut read = ready!(self.0.as_mut().poll_read(cx, buf)).map_err(in_our_words)?;
        if read == 0 && !buf.is_empty() {
            let scratch = buf.len().min(SCRATCH_BYTES);
            let again = self.0.as_mut().poll_read(cx, &mut buf[..scratch]);
            read = ready!(again).map_err(in_our_words)?;
        }
        Poll::Ready(Ok(read))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn in_our_words(error: io::Error) -> io::Error {
    OpenRefusal::of(&error).into()
}
