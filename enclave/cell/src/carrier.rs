//! Plain HTTP to peers and the attestor, bounded in time and size. The cell's. It carries
//! sealed or signed bytes; nothing here reads, checks or trusts them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use tokio::time::timeout;

use crate::network::{Connector, Network};
use crate::tasks::Tasks;
use crate::{BootError, limits};

/// Idle connections end before the server's side does.
const IDLE_SECONDS_MAX: Duration = Duration::from_secs(10);

/// Where a peer is reached: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(Authority);

impl BaseUrl {
    /// Takes scheme, host and port, and nothing behind them.
    pub(crate) fn parse(text: &str) -> Result<Self, BootError> {
        let refused = || BootError::Url(text.to_owned());
        let parts = text.parse::<Uri>().map_err(|_| refused())?.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path == "/");
        match parts.authority {
            Some(authority) if bare && parts.scheme == Some(Scheme::HTTP) => Ok(Self(authority)),
            _ => Err(refused()),
        }
    }

    fn at(&self, path: &str) -> Result<Uri, CarrierError> {
        let path = PathAndQuery::try_from(path).map_err(|_| CarrierError::Request)?;
        let builder = Uri::builder().scheme(Scheme::HTTP).authority(self.0.clone());
        builder.path_and_query(path).build().map_err(|_| CarrierError::Request)
    }
}

/// Why an exchange did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CarrierError {
    /// The request has no valid form.
    #[error("the request cannot be written")]
    Request,
    /// No connection, or it broke.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// No whole answer in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The answer is larger than the bound.
    #[error("the answer of the peer is too large")]
    TooLarge,
}

impl CarrierError {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Request => "peer.request",
            Self::Unreachable => "peer.unreachable",
            Self::Timeout => "peer.timeout",
            Self::TooLarge => "peer.answer_too_large",
        }
    }
}

/// What is sent.
pub(crate) struct Parcel<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: Body,
}

/// What comes back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

/// A pool of connections to any number of peers.
#[derive(Clone)]
pub(crate) struct Carrier(Client<Connector, Body>);

impl Carrier {
    /// Its connections end with `tasks`.
    pub(crate) fn new(network: &Network, tasks: &Tasks) -> Self {
        let client = Client::builder(tasks.clone())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_SECONDS_MAX)
            .build(network.connector());
        Self(client)
    }

    /// Sends and takes the whole answer, within [`limits::EXCHANGE_SECONDS_MAX`] and
    /// [`limits::ANSWER_BYTES_MAX`].
    pub(crate) async fn exchange(
        &self,
        to: &BaseUrl,
        parcel: Parcel<'_>,
    ) -> Result<Answer, CarrierError> {
        let exchange = self.unhurried(to, parcel);
        timeout(limits::EXCHANGE_SECONDS_MAX, exchange).await.map_err(|_| CarrierError::Timeout)?
    }

    async fn unhurried(&self, to: &BaseUrl, parcel: Parcel<'_>) -> Result<Answer, CarrierError> {
        let mut request = Request::new(parcel.body);
        *request.method_mut() = parcel.method;
        *request.uri_mut() = to.at(parcel.path)?;
        if let Some(content_type) = parcel.content_type {
            let value = HeaderValue::try_from(content_type).map_err(|_| CarrierError::Request)?;
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        let answer = self.0.request(request).await.map_err(|_| CarrierError::Unreachable)?;
        let (mut parts, body) = answer.into_parts();
        let body = Limited::new(body, limits::ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| broken(error.as_ref()))?.to_bytes();
        let content_type = parts.headers.remove(header::CONTENT_TYPE);
        Ok(Answer { status: parts.status, content_type, body })
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> CarrierError {
    if error.is::<http_body_util::LengthLimitError>() {
        CarrierError::TooLarge
    } else {
        CarrierError::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_scheme_host_and_port() {
        assert!(BaseUrl::parse("http://127.0.0.1:7401").is_ok());
        assert!(BaseUrl::parse("http://broker.internal:7402/").is_ok());
        for bad in ["", "broker:7402", "https://x:1", "http://x:1/path", "http://x:1/?q"] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_unreachable() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        drop(listener);
        let (method, body) = (Method::GET, Body::empty());
        let parcel = Parcel { method, path: "/", content_type: None, body };
        let error = Carrier::new(&Network::system(), &Tasks::new())
            .exchange(&base, parcel)
            .await
            .err()
            .unwrap();
        assert_eq!(error, CarrierError::Unreachable);
    }
}
