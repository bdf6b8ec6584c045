//! The client's side: seal a request, open its answer.

use autoclave_base::UnixTime;
use futures::io::Cursor;
use futures::{AsyncRead, AsyncReadExt as _};
use ohttp::ClientRequest;

use super::chunks::{Inlet, OpenedChunks, Outbox, Sealer};
use super::contents::Contents;
use super::lengths::WholeLengths;
use super::message::Message;
use super::source::Source;
use super::stream::{Body, SealedStream};
use super::{HEAD_BYTES_MAX, OpenRefusal, SealRefusal, head};
use crate::{PublicSealingKey, fresh};

/// What precedes the chunks of an answer: the larger of key and nonce of the AEAD.
const NONCE_BYTES: u64 = 16;

/// Opens the one answer to the one request that it was made with.
pub struct ResponseOpener {
    inlet: Inlet,
    chunks: OpenedChunks,
}

/// Seals `request` to the key `to`, dated `now`. The stream is what to post, as
/// [`super::REQUEST_MEDIA_TYPE`]; the body is read as the stream is.
pub fn seal<B>(
    request: http::Request<B>,
    to: &PublicSealingKey,
    now: UnixTime,
) -> Result<(SealedStream, ResponseOpener), SealRefusal>
where
    B: AsyncRead + Send + 'static,
{
    let (mut parts, body) = request.into_parts();
    fresh::stamp(&mut parts.headers, now);
    let head = head::write_request(&parts.method, &parts.uri, &parts.headers)?;
    let (sealer, opener) = encapsulate(to).map_err(|_| SealRefusal::KeyInvalid)?;
    Ok((SealedStream::new(Message::new(sealer, head, body)), opener))
}

/// [`seal`] for a body at hand: gives the whole sealed request.
pub async fn seal_bytes(
    request: http::Request<impl AsRef<[u8]> + Send + Unpin + 'static>,
    to: &PublicSealingKey,
    now: UnixTime,
) -> Result<(Vec<u8>, ResponseOpener), SealRefusal> {
    let (mut stream, opener) = seal(request.map(Cursor::new), to, now)?;
    let mut sealed = Vec::new();
    stream.read_to_end(&mut sealed).await.map_err(|error| SealRefusal::Body(error.kind()))?;
    Ok((sealed, opener))
}

fn encapsulate(to: &PublicSealingKey) -> Result<(Sealer, ResponseOpener), ohttp::Error> {
    let outbox = Outbox::default();
    let inlet = Inlet::default();
    let client = ClientRequest::from_encoded_config(&to.config())?;
    let request = client.encapsulate_stream(outbox.clone())?;
    let chunks = OpenedChunks::new(request.response(inlet.clone())?);
    Ok((Sealer::new(request, outbox), ResponseOpener { inlet, chunks }))
}

impl ResponseOpener {
    /// Opens the answer ([`super::RESPONSE_MEDIA_TYPE`]): reads up to its body. See
    /// [`Body`] for when the rest may be believed.
    pub async fn open(
        self,
        sealed: impl AsyncRead + Send + 'static,
    ) -> Result<http::Response<Body>, OpenRefusal> {
        self.inlet.connect(Box::pin(WholeLengths::new(sealed, NONCE_BYTES)));
        let mut source = Source::new(self.chunks);
        let mut budget = HEAD_BYTES_MAX;
        let head = head::read_response(&mut source, &mut budget).await?;
        let body = Body::new(Contents::new(source, head.framing, budget));
        let mut response = http::Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        Ok(response)
    }

    /// [`ResponseOpener::open`] for an answer at hand, with a body of at most `bytes_max`.
    pub async fn open_bytes(
        self,
        sealed: impl AsRef<[u8]> + Send + Unpin + 'static,
        bytes_max: usize,
    ) -> Result<http::Response<Vec<u8>>, OpenRefusal> {
        let (parts, body) = self.open(Cursor::new(sealed)).await?.into_parts();
        Ok(http::Response::from_parts(parts, body.read_all(bytes_max).await?))
    }
}
