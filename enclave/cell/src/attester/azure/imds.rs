//! The service of an Azure host for its VM (IMDS and THIM): it has the host's quoting
//! enclave make a quote of a TDX report, and knows the chip's certificates. It is the host's
//! word, which verifiers check. Its address is fixed; only a test names another.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use autoclave_base::b64;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use p256::pkcs8::der::pem;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where every Azure VM finds it.
const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), 80);
const QUOTE_PATH: &str = "/acc/tdquote";
const CHAIN_PATH: &str = "/metadata/THIM/amd/certification";
/// Longest answer: a quote with its certificates, in base64.
const ANSWER_BYTES_MAX: usize = 128 * 1024;
/// Longest wait: the host's quoting enclave takes a second when it is asked first.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// The host's service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    /// Nobody answers.
    #[error("Azure's host service (169.254.169.254) does not answer: is this a VM on Azure?")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answers with an error.
    #[error("Azure's host service answers with status {0}")]
    Status(u16),
    /// It answers with something else.
    #[error("the answer of Azure's host service is malformed")]
    Malformed,
}

impl ImdsError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "platform.imds_unreachable",
            Self::Status(_) => "platform.imds_status",
            Self::Malformed => "platform.imds_answer",
        }
    }
}

/// The certificates of the chip, as evidence carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Chain {
    vek: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ark: Option<String>,
}

/// The service.
pub(super) struct Imds(SocketAddr);

#[derive(Deserialize)]
struct QuoteAnswer {
    quote: String,
}

#[derive(Deserialize)]
struct ChainAnswer {
    #[serde(rename = "vcekCert")]
    vcek: String,
    #[serde(rename = "certificateChain")]
    chain: String,
}

impl Imds {
    pub(super) const fn azure() -> Self {
        Self(ADDRESS)
    }

    #[cfg(test)]
    pub(super) const fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    /// A quote of a TDX report.
    pub(super) fn td_quote(&self, report: &[u8]) -> Result<Vec<u8>, ImdsError> {
        let body = serde_json::json!({ "report": b64::encode(report) }).to_string();
        let answer = self.ask(Method::POST, QUOTE_PATH, body)?;
        let answer: QuoteAnswer =
            serde_json::from_slice(&answer).map_err(|_| ImdsError::Malformed)?;
        b64::decode(answer.quote.trim_end_matches('=')).map_err(|_| ImdsError::Malformed)
    }

    /// The chip's certificate, and those above it.
    pub(super) fn chain(&self) -> Result<Chain, ImdsError> {
        let answer = self.ask(Method::GET, CHAIN_PATH, String::new())?;
        let answer: ChainAnswer =
            serde_json::from_slice(&answer).map_err(|_| ImdsError::Malformed)?;
        let vek = certificates(&answer.vcek)?.into_iter().next().ok_or(ImdsError::Malformed)?;
        let mut above = certificates(&answer.chain)?.into_iter();
        Ok(Chain { vek, ask: above.next(), ark: above.next() })
    }

    fn ask(&self, method: Method, path: &str, body: String) -> Result<Bytes, ImdsError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(unreachable)?;
        let exchange = async { timeout(WAIT_MAX, exchange(self.0, method, path, body)).await };
        runtime.block_on(exchange).map_err(unreachable)?
    }
}

async fn exchange(
    to: SocketAddr,
    method: Method,
    path: &str,
    body: String,
) -> Result<Bytes, ImdsError> {
    let stream = TcpStream::connect(to).await.map_err(unreachable)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let driving = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, to.ip().to_string())
        .header("metadata", "true")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(unreachable)?;
    let answer = sender.send_request(request).await.map_err(unreachable)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    driving.abort();
    match body {
        Ok(body) if status.is_success() => Ok(body.to_bytes()),
        Ok(_) => Err(ImdsError::Status(status.as_u16())),
        Err(_) => Err(ImdsError::Malformed),
    }
}

fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImdsError {
    ImdsError::Unreachable(error.into())
}

/// Certificates in PEM, one after the other, as base64url of their DER.
fn certificates(text: &str) -> Result<Vec<String>, ImdsError> {
    const END: &str = "-----END CERTIFICATE-----";
    let whole = text.split_inclusive(END).map(str::trim).filter(|part| part.ends_with(END));
    let der = |part: &str| {
        let (label, der) = pem::decode_vec(part.as_bytes()).map_err(|_| ImdsError::Malformed)?;
        if label == "CERTIFICATE" { Ok(b64::encode(der)) } else { Err(ImdsError::Malformed) }
    };
    whole.map(der).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A host that answers one request, and what it was asked.
    fn host(answer: &'static str) -> (Imds, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let imds = Imds::at(listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 8192];
            let length = stream.read(&mut asked).unwrap();
            let length_of = answer.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length_of}\r\n\r\n{answer}")
                .unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (imds, serving)
    }

    #[test]
    fn a_report_goes_in_and_a_quote_comes_out() {
        let (imds, serving) = host(r#"{"quote":"cXVvdGU="}"#);
        assert_eq!(imds.td_quote(b"report").unwrap(), b"quote");
        let asked = serving.join().unwrap();
        assert!(asked.starts_with("POST /acc/tdquote HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("metadata: true\r\n"), "{asked}");
        assert!(asked.ends_with(r#"{"report":"cmVwb3J0"}"#), "{asked}");
    }

    #[test]
    fn certificates_are_taken_out_of_pem() {
        let (imds, serving) = host(
            r#"{"vcekCert":"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n","tcbm":"DB18","certificateChain":"-----BEGIN CERTIFICATE-----\nMAEA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMAEB\n-----END CERTIFICATE-----\n"}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        let expected = Chain { vek: "MAA".to_owned(), ask: text("MAEA"), ark: text("MAEB") };
        assert_eq!(imds.chain().unwrap(), expected);
        assert!(serving.join().unwrap().starts_with("GET /metadata/THIM/amd/certification "));
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let (imds, _serving) = host(r#"{"quote":7}"#);
        assert_eq!(imds.td_quote(b"").unwrap_err().code(), "platform.imds_answer");
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Imds::at(gone).chain().unwrap_err();
        assert_eq!(error.code(), "platform.imds_unreachable");
    }
}
