//! The sealed door: a chunked Oblivious HTTP request in, its opened form to the router, the
//! answer sealed. What cannot be opened is refused in the open; what opened is answered
//! sealed, refusals included (RFC 9458, section 5.2). No request reaches the router twice,
//! late, or with a short body cut.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use autoclave_seal::fresh::FreshnessRefusal;
use autoclave_seal::request::{
    self, OpenRefusal, Opened, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, Responder,
};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use futures::{AsyncRead, AsyncReadExt as _, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderValue, StatusCode, header};

use super::Doors;
use crate::limits::PREFETCH_BYTES;
use crate::{Cell, Refusal};

const MEDIA_TYPE: Refusal = Refusal::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "seal.media_type",
    "The sealed door takes message/ohttp-chunked-req only.",
);

/// `POST /sealed`.
pub(super) async fn door(State(doors): State<Arc<Doors>>, request: Request) -> Response {
    let media_type = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_sealed = media_type == Some(REQUEST_MEDIA_TYPE.as_bytes());
    let sealed = request.into_body().into_data_stream().map_err(io::Error::other);
    let sealed = Shared::new(sealed.into_async_read());
    let opened = if is_sealed { open(&doors.cell, sealed.clone()).await } else { Err(MEDIA_TYPE) };
    match opened {
        Ok(opened) => answer(&doors, opened, sealed).await,
        Err(refusal) => {
            sealed.discard().await;
            refusal.into_response()
        }
    }
}

async fn open(cell: &Cell, sealed: Shared) -> Result<Opened, Refusal> {
    let keys = cell.identity().sealing();
    request::open(&keys, sealed).await.map_err(not_opened)
}

/// A reader with a second handle. A client that still sends when it is refused may never
/// see the refusal, so the rest of what is refused is read and dropped.
#[derive(Clone)]
struct Shared(Arc<Mutex<Pin<Box<dyn AsyncRead + Send>>>>);

impl Shared {
    fn new(reader: impl AsyncRead + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(reader))))
    }

    /// Bounded by what bounds the reader, in bytes and in time.
    async fn discard(self) {
        let _error_is_an_end_too = futures::io::copy(self, &mut futures::io::sink()).await;
    }
}

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reader.as_mut().poll_read(context, buffer)
    }
}

/// From here on the answer is sealed, whatever it is.
async fn answer(doors: &Doors, opened: Opened, sealed: Shared) -> Response {
    let admitted = doors.cell.admit(&opened);
    let (request, responder) = opened.into_parts();
    let response = match admitted {
        Ok(()) => serve(doors, request).await,
        Err(refusal) => not_fresh(refusal).into_response(),
    };
    if !response.status().is_success() {
        sealed.discard().await;
    }
    seal(responder, response)
}

async fn serve(doors: &Doors, request: http::Request<request::Body>) -> Response {
    let (parts, body) = request.into_parts();
    match prefetched(body).await {
        Ok(body) => doors.role.attested(Request::from_parts(parts, body)).await,
        Err(refusal) => not_opened(refusal).into_response(),
    }
}

/// Reads a short body to its end, where a cut shows; of a long one, the beginning.
async fn prefetched(mut body: request::Body) -> Result<Body, OpenRefusal> {
    let mut start = Vec::new();
    let mut first = (&mut body).take(PREFETCH_BYTES as u64);
    first.read_to_end(&mut start).await.map_err(|error| OpenRefusal::of(&error))?;
    if start.len() < PREFETCH_BYTES {
        return Ok(Body::from(start));
    }
    let start = stream::iter([Ok(Bytes::from(start))]);
    let rest = body.into_stream().map_ok(Bytes::from);
    Ok(Body::from_stream(start.chain(rest)))
}

fn seal(responder: Responder, response: Response) -> Response {
    let clear =
        response.map(|body| body.into_data_stream().map_err(io::Error::other).into_async_read());
    let Ok(sealed) = responder.seal(clear) else {
        return Refusal::internal("seal.head_unsendable").into_response();
    };
    let mut response = Response::new(Body::from_stream(sealed.into_stream()));
    let media_type = HeaderValue::from_static(RESPONSE_MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn not_opened(refusal: OpenRefusal) -> Refusal {
    let (status, title) = match refusal {
        OpenRefusal::KeyUnknown => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "The request is not sealed to a current key; verify the enclave again.",
        ),
        OpenRefusal::BodyTooLarge | OpenRefusal::HeadTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "The sealed request is too large.")
        }
        OpenRefusal::Transport(_) => (StatusCode::REQUEST_TIMEOUT, "The request did not arrive."),
        _ => (StatusCode::BAD_REQUEST, "The sealed request does not open."),
    };
    Refusal::new(status, refusal.code(), title)
}

fn not_fresh(refusal: FreshnessRefusal) -> Refusal {
    let (status, title) = match refusal {
        FreshnessRefusal::DateMissing => {
            (StatusCode::BAD_REQUEST, "The sealed request carries no single valid date.")
        }
        FreshnessRefusal::DateWindow => {
            (StatusCode::BAD_REQUEST, "The date of the sealed request is too far from now.")
        }
        FreshnessRefusal::Replayed => {
            (StatusCode::CONFLICT, "The sealed request was received before.")
        }
        FreshnessRefusal::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, "Too many requests; try again in a while.")
        }
    };
    Refusal::new(status, refusal.code(), title)
}
