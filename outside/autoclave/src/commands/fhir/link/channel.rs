//! One connection to the clinic's direct door.
//! It belongs to the link.
//! Whoever answers must sign the TLS handshake with the key of the verified token: what else a
//! certificate says does not matter.

use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::token::VerifiedToken;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Body;
use crate::failure::{Failure, Outcome};

/// Longest wait for a connection.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A door whose key is known.
pub(super) struct Door {
    host: String,
    tls: TlsConnector,
}

/// A connection through it.
pub(super) struct Channel(SendRequest<Body>);

impl Door {
    /// The door at `https://host:port` of the token's holder.
    pub(super) fn new(address: &str, token: &VerifiedToken) -> Outcome<Self> {
        let key = token.signing_key().verifying_key().copied();
        let key = key.ok_or_else(|| Failure::new("fhir.key", "the clinic's key is none"))?;
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| Failure::new("fhir.tls", error))?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Holder(key)));
        let host = address.trim_start_matches("https://").to_owned();
        Ok(Self { host, tls: TlsConnector::from(Arc::new(config.with_no_client_auth())) })
    }

    /// Connects.
    pub(super) async fn enter(&self) -> Outcome<Channel> {
        let failed = |error: &dyn std::fmt::Display| Failure::new("fhir.unreachable", error);
        let entering = async {
            let stream = TcpStream::connect(&self.host).await.map_err(|error| failed(&error))?;
            let _slower_at_worst = stream.set_nodelay(true);
            let name = self.host.split(':').next().unwrap_or_default().to_owned();
            let name = ServerName::try_from(name).map_err(|error| failed(&error))?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| failed(&error))?;
            let shaken = handshake(TokioIo::new(stream)).await;
            let (sender, connection) = shaken.map_err(|error| failed(&error))?;
            tokio::spawn(async move {
                let _its_end_shows_at_the_next_request = connection.await;
            });
            Ok(Channel(sender))
        };
        timeout(WAIT_MAX, entering).await.map_err(|_| failed(&"no answer"))?
    }
}

impl Channel {
    /// Whether another request can be sent.
    pub(super) async fn ready(&mut self) -> bool {
        self.0.ready().await.is_ok()
    }

    /// Sends one.
    pub(super) async fn send(&mut self, request: Request<Body>) -> Outcome<Response<Incoming>> {
        let answer = self.0.send_request(request).await;
        answer.map_err(|error| Failure::new("fhir.broken", error))
    }
}

/// Believes the holder of one key.
#[derive(Debug)]
struct Holder(VerifyingKey);

impl ServerCertVerifier for Holder {
    fn verify_server_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // What counts is the signature over this very handshake, below.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _shown: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let signature = DerSignature::try_from(signed.signature()).ok();
        let ours = signed.scheme == SignatureScheme::ECDSA_NISTP256_SHA256;
        match signature {
            Some(signature) if ours && self.0.verify(message, &signature).is_ok() => {
                Ok(HandshakeSignatureValid::assertion())
            }
            _ => Err(Error::General("not the verified clinic's key".to_owned())),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
