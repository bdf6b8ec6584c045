//! The enclave's side: open a request, seal its answer.

use std::fmt;

use autoclave_base::{Digest, LogSafe};
use futures::AsyncRead;
use futures::io::{AsyncReadExt as _, Cursor};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};

use super::chunks::{OpenedChunks, Outbox, Reader, Sealer};
use super::contents::Contents;
use super::lengths::WholeLengths;
use super::message::Message;
use super::source::Source;
use super::stream::{Body, SealedStream};
use super::{HEAD_BYTES_MAX, OpenRefusal, SealRefusal, head};
use crate::fresh::{FreshnessRefusal, date};
use crate::keys::KeyPair;
use crate::suite::{AEAD_ID, KDF_ID};
use crate::{Kem, SealingKeys};

/// Key id and three identifiers of two bytes (RFC 9458, section 4.3).
const HEADER_BYTES: usize = 7;

/// What makes a sealed request this one and no other: the digest of its header and
/// encapsulated key, which fix every key that the request is sealed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(Digest);

impl RequestKey {
    /// The digest.
    pub const fn digest(&self) -> Digest {
        self.0
    }

    /// A key of no request.
    #[cfg(test)]
    pub(crate) fn for_test(name: u32) -> Self {
        Self(Digest::of(name.to_be_bytes()))
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl LogSafe for RequestKey {}

/// A request whose head opened. Whether it is new is for [`crate::fresh`] to say.
pub struct Opened {
    id: RequestKey,
    kem: Kem,
    method: Method,
    path: PathAndQuery,
    headers: HeaderMap,
    body: Body,
    responder: Responder,
}

/// Seals the one answer to the request that it came with.
pub struct Responder {
    sealer: Sealer,
}

/// Opens a sealed request with whichever of `keys` it names: reads up to its body.
pub async fn open(
    keys: &SealingKeys,
    sealed: impl AsyncRead + Send + 'static,
) -> Result<Opened, OpenRefusal> {
    let mut sealed: Reader = Box::pin(sealed);
    let (envelope, pair) = read_envelope(keys, &mut sealed).await?;
    let id = RequestKey(Digest::of(&envelope));
    let (mut source, responder) = decapsulate(pair, envelope, sealed).await?;
    let mut budget = HEAD_BYTES_MAX;
    let head = head::read_request(&mut source, &mut budget).await?;
    Ok(Opened {
        id,
        kem: pair.public.kem(),
        method: head.method,
        path: head.path,
        headers: head.headers,
        body: Body::new(Contents::new(source, head.framing, budget)),
        responder,
    })
}

/// Header and encapsulated key. `ohttp` would read them itself, but knows one key only and
/// does not tell them.
async fn read_envelope<'a>(
    keys: &'a SealingKeys,
    sealed: &mut Reader,
) -> Result<(Vec<u8>, &'a KeyPair), OpenRefusal> {
    let mut header = [0; HEADER_BYTES];
    read_exact(sealed, &mut header).await?;
    let pair = keys.find(header[0]).ok_or(OpenRefusal::KeyUnknown)?;
    let kem = pair.public.kem();
    let suite = [kem.id(), KDF_ID, AEAD_ID].map(u16::to_be_bytes).concat();
    if header[1..] != suite {
        return Err(OpenRefusal::Suite);
    }
    let mut envelope = vec![0; HEADER_BYTES + kem.encapsulated_bytes()];
    envelope[..HEADER_BYTES].copy_from_slice(&header);
    read_exact(sealed, &mut envelope[HEADER_BYTES..]).await?;
    Ok((envelope, pair))
}

async fn read_exact(from: &mut Reader, buf: &mut [u8]) -> Result<(), OpenRefusal> {
    from.read_exact(buf).await.map_err(|error| OpenRefusal::of(&error))
}

/// Sets the keys up and opens the first chunk; only then can `ohttp` make the answer's side.
async fn decapsulate(
    pair: &KeyPair,
    envelope: Vec<u8>,
    sealed: Reader,
) -> Result<(Source, Responder), OpenRefusal> {
    let server = ohttp::Server::new(pair.config.clone()).map_err(|_| OpenRefusal::Suite)?;
    let sealed = Cursor::new(envelope).chain(WholeLengths::new(sealed, 0));
    let mut request = server.decapsulate_stream(sealed);
    let mut first = [0; 1];
    let read = request.read(&mut first).await.map_err(|error| of_first_chunk(&error))?;
    let outbox = Outbox::default();
    let response = request.response(outbox.clone()).map_err(|_| OpenRefusal::Broken)?;
    let plain = Cursor::new(first[..read].to_vec()).chain(request);
    let responder = Responder { sealer: Sealer::new(response, outbox) };
    Ok((Source::new(OpenedChunks::new(plain)), responder))
}

/// A key of the same id from before a restart shows only here, so a first chunk that does
/// not open counts as sealed to an unknown key.
fn of_first_chunk(error: &std::io::Error) -> OpenRefusal {
    match OpenRefusal::of(error) {
        OpenRefusal::Broken => OpenRefusal::KeyUnknown,
        other => other,
    }
}

impl Opened {
    /// What to remember it by.
    pub const fn id(&self) -> RequestKey {
        self.id
    }

    /// The mechanism that it was sealed with.
    pub const fn kem(&self) -> Kem {
        self.kem
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The path and query.
    pub const fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The header fields, their values marked as sensitive.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its one date, for [`crate::fresh::ReplayCache::admit`].
    pub fn date(&self) -> Result<autoclave_base::UnixTime, FreshnessRefusal> {
        date(&self.headers)
    }

    /// The request in the terms of `http`, in origin form, and what seals its answer.
    pub fn into_parts(self) -> (http::Request<Body>, Responder) {
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = Uri::from(self.path);
        *request.headers_mut() = self.headers;
        (request, self.responder)
    }
}

impl Responder {
    /// Seals the answer. The stream is what to send, as [`super::RESPONSE_MEDIA_TYPE`]; the
    /// body is read as the stream is.
    pub fn seal<B>(self, response: http::Response<B>) -> Result<SealedStream, SealRefusal>
    where
        B: AsyncRead + Send + 'static,
    {
        let (parts, body) = response.into_parts();
        let head = head::write_response(parts.status, &parts.headers)?;
        Ok(SealedStream::new(Message::new(self.sealer, head, body)))
    }

    /// [`Responder::seal`] for a body at hand: gives the whole sealed answer.
    pub async fn seal_bytes(
        self,
        response: http::Response<impl AsRef<[u8]> + Send + Unpin + 'static>,
    ) -> Result<Vec<u8>, SealRefusal> {
        let mut stream = self.seal(response.map(Cursor::new))?;
        let mut sealed = Vec::new();
        stream.read_to_end(&mut sealed).await.map_err(|error| SealRefusal::Body(error.kind()))?;
        Ok(sealed)
    }
}
