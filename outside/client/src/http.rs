//! Bytes over HTTP/1.1: what the client needs of a transport, bounded in size and time.
//! It belongs to the client; protection is sealing, so this is plain HTTP by design.
//! Nothing here decides whom to trust.

use std::time::Duration;

use autoclave_wire::{Connector, Network};
use futures::{Stream, TryStreamExt as _};
use http::uri::{Authority, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

/// Time to connect.
const CONNECT_SECONDS_MAX: u64 = 5;
/// Time until an answer begins: a large image on a slow line and its inference.
const ANSWER_SECONDS_MAX: u64 = 300;
/// Largest plain answer: a manifest or a tile, generously.
const PLAIN_BYTES_MAX: usize = 1024 * 1024;

/// Why an exchange failed below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address is not `http://host:port`.
    #[error("the address is not of the form http://host:port")]
    Address,
    /// Nobody listens there, or the connection broke.
    #[error("cannot be reached, or the connection broke")]
    Unreachable,
    /// No answer within the time allowed.
    #[error("no answer within the time allowed")]
    Silent,
    /// The answer is larger than expected.
    #[error("the answer is larger than expected")]
    TooLarge,
}

impl HttpError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address => "http.address",
            Self::Unreachable => "http.unreachable",
            Self::Silent => "http.silent",
            Self::TooLarge => "http.too_large",
        }
    }
}

/// A body on its way out.
type Outgoing = UnsyncBoxBody<Bytes, std::io::Error>;

/// An HTTP client for one address.
#[derive(Clone)]
pub struct Http {
    authority: Authority,
    client: Client<Connector, Outgoing>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Http {
    /// A client for `http://host:port`.
    pub fn new(address: &str) -> Result<Self, HttpError> {
        Self::over(&Network::system(), address)
    }

    /// As [`Http::new`], over a network that a simulation makes up.
    pub fn over(network: &Network, address: &str) -> Result<Self, HttpError> {
        let uri: Uri = address.parse().map_err(|_| HttpError::Address)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if uri.scheme() != Some(&Scheme::HTTP) || !bare {
            return Err(HttpError::Address);
        }
        let authority = uri.into_parts().authority.ok_or(HttpError::Address)?;
        let connector = network.connector(Duration::from_secs(CONNECT_SECONDS_MAX));
        let executor = TokioExecutor::new();
        let client = Client::builder(executor).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { authority, client })
    }

    /// Host and port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Fetches a plain document.
    pub async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        self.plain(Method::GET, path, "", Bytes::new()).await
    }

    /// Sends and receives small plain bodies.
    pub async fn plain(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, HttpError> {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        let response = self.exchange(method, path, content_type, body).await?;
        let status = response.status();
        let body = timeout(answer_time(), Limited::new(response, PLAIN_BYTES_MAX).collect());
        match body.await {
            Err(_) => Err(HttpError::Silent),
            Ok(Err(_)) => Err(HttpError::TooLarge),
            Ok(Ok(body)) => Ok(Answer { status, body: body.to_bytes() }),
        }
    }

    /// Sends a stream of bytes; the answer's body comes as it is read.
    pub async fn stream(
        &self,
        path: &str,
        content_type: &str,
        pieces: impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static,
    ) -> Result<Response<Incoming>, HttpError> {
        let frames = pieces.map_ok(|piece| Frame::data(Bytes::from(piece)));
        let body = StreamBody::new(frames).boxed_unsync();
        self.exchange(Method::POST, path, content_type, body).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Outgoing,
    ) -> Result<Response<Incoming>, HttpError> {
        let uri = format!("http://{}{path}", self.authority);
        let mut request = Request::builder().method(method).uri(uri);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body).map_err(|_| HttpError::Address)?;
        match timeout(answer_time(), self.client.request(request)).await {
            Err(_) => Err(HttpError::Silent),
            Ok(Err(_)) => Err(HttpError::Unreachable),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

fn answer_time() -> Duration {
    Duration::from_secs(ANSWER_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_strictly() {
        assert!(Http::new("http://127.0.0.1:7400").is_ok());
        assert!(Http::new("http://127.0.0.1:7400/").is_ok());
        for bad in ["", "127.0.0.1:7400", "https://h", "http://h/path", "http://h/?q", "ftp://h"] {
            assert_eq!(Http::new(bad).err(), Some(HttpError::Address), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let http = Http::new(&format!("http://{gone}")).unwrap();
        assert_eq!(http.get("/").await.unwrap_err(), HttpError::Unreachable);
    }
}
