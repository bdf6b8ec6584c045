//! One bounded GET over HTTP/1.1, with or without TLS, tried again when it fails. The
//! fetcher's. Transport protects nothing here: what comes back is believed by the vendor's
//! signature only.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::failure::{Failure, Outcome};

/// Longest answer (bytes): Intel's TCB info has 20 KiB, its CRLs some kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Time for one try.
const TRY_SECONDS_MAX: u64 = 20;
/// Tries, with pauses that double.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// An answer.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Gets `url`.
pub(super) async fn get(url: &str) -> Outcome<Answer> {
    let mut pause = PAUSE;
    let mut tries = 1;
    loop {
        let limit = Duration::from_secs(TRY_SECONDS_MAX);
        let outcome = tokio::time::timeout(limit, once(url)).await;
        match outcome.unwrap_or_else(|_| Err(unreachable(url, "no answer in time"))) {
            Err(_) if tries < TRIES => {
                tokio::time::sleep(pause).await;
                pause *= 2;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

fn unreachable(url: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new("collateral.unreachable", format!("{url}: {error}"))
}

async fn once(url: &str) -> Outcome<Answer> {
    let failed = |error: &dyn std::fmt::Display| unreachable(url, error);
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
    let host = uri.host().ok_or_else(|| failed(&"no host"))?.to_owned();
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| failed(&error))?;
    if !secure {
        return exchange(&uri, stream).await.map_err(|error| failed(&error));
    }
    let name = ServerName::try_from(host).map_err(|error| failed(&error))?;
    let tls = connector().connect(name, stream).await.map_err(|error| failed(&error))?;
    exchange(&uri, tls).await.map_err(|error| failed(&error))
}

/// TLS under the authorities of the machine.
fn connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

type Any = Box<dyn std::error::Error + Send + Sync>;

async fn exchange<S>(uri: &Uri, stream: S) -> Result<Answer, Any>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(target).header(header::HOST, host).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("answered {}", answer.status()).into());
    }
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes().to_vec();
    driver.abort();
    Ok(Answer { headers: parts.headers, body })
}
