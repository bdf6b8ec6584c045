//! Request bodies: bounded in bytes, in silence and in time, whoever sends them.

use std::io;
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::{Instant, timeout_at};

use crate::limits;

/// Middleware: bounds the body of every request that comes in from a socket.
pub(super) async fn bound(request: Request, next: Next) -> Response {
    let bounded = request.map(|body| {
        if body.is_end_stream() { body } else { bounded(body, limits::SEALED_BYTES_MAX) }
    });
    next.run(bounded).await
}

/// `body`, ending in an error once it is too large, silent for too long, or too slow.
pub(super) fn bounded(body: Body, bytes_max: usize) -> Body {
    let data = Limited::new(body, bytes_max).into_data_stream();
    Body::from_stream(timed(data, limits::STALL_SECONDS_MAX, limits::BODY_SECONDS_MAX))
}

fn timed<S>(
    data: S,
    stall: Duration,
    whole: Duration,
) -> impl Stream<Item = Result<Bytes, BoxError>>
where
    S: Stream<Item = Result<Bytes, BoxError>> + Unpin,
{
    let end = Instant::now() + whole;
    stream::try_unfold(data, move |mut data| async move {
        let until = end.min(Instant::now() + stall);
        let Ok(next) = timeout_at(until, data.next()).await else {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        };
        next.transpose().map(|bytes| bytes.map(|bytes| (bytes, data)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_bound_ends_in_an_error() {
        let within = bounded(Body::from(vec![0; 10]), 10);
        assert_eq!(within.collect().await.unwrap().to_bytes().len(), 10);
        assert!(bounded(Body::from(vec![0; 11]), 10).collect().await.is_err());
    }

    #[tokio::test]
    async fn a_silent_body_ends_in_an_error() {
        let silent = stream::pending::<Result<Bytes, BoxError>>();
        let hour = Duration::from_hours(1);
        let results: Vec<_> = timed(silent, Duration::ZERO, hour).collect().await;
        assert!(matches!(&results[..], [Err(_)]));
        let silent = stream::pending::<Result<Bytes, BoxError>>();
        let results: Vec<_> = timed(silent, hour, Duration::ZERO).collect().await;
        assert!(matches!(&results[..], [Err(_)]));
    }
}
