//! `token certificate`: verifies the evidence in a certificate, from a file or from the door
//! that shows it.
//! It belongs to anybody who wants to know what an attestor is before asking it anything.
//! No certificate authority is asked, and nothing is sent but a TLS greeting.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::certificate::{self, VerifiedCertificate};
use autoclave_attest::evidence::Endorsements;
use autoclave_attest::handshake::Trust;
use autoclave_attest::release::verify_manifest;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::now;
use autoclave_client::trust;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, version,
};
use serde_json::json;

use super::token;
use crate::cli::Certificate;
use crate::failure::{Failure, Outcome};
use crate::{files, terminal};

/// Longest wait for the door.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Runs the command.
pub fn run(command: &Certificate) -> Outcome {
    let anchors = trust::read(&command.trust);
    let trust: Trust = anchors.map_err(|error| Failure::new(error.code(), error))?;
    let der = match (&command.file, &command.connect) {
        (Some(file), _) => crate::certificate::read(file)?,
        (None, Some(address)) => shown_at(address)?,
        (None, None) => return Err(Failure::new("certificate.none", "name a file or an address")),
    };
    let verified = certificate::verify(&der, &trust, &Endorsements::new(), now())
        .map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    let named = named(command, &trust, &verified)?;
    if command.json {
        terminal::out(json!({
            "verified": true, "workload": named, "made": verified.made(),
            "evidence": verified.claims(), "runtime": verified.runtime(),
        }));
        return Ok(());
    }
    match &named {
        Some(name) => terminal::out(format_args!("{name} is what it should be.")),
        None => terminal::out("The evidence verifies; whose code it is was not asked."),
    }
    token::evidence(verified.claims());
    terminal::out(format_args!("  its key       {}", verified.runtime().thumbprint()));
    if let Some(keys) = verified.runtime().jwks() {
        terminal::out(format_args!("  signs with    {keys}"));
    }
    terminal::out(format_args!("  made          {}", verified.made().rfc3339()));
    token::warn(verified.claims());
    Ok(())
}

/// The workload that the manifest names it as, where there is one.
fn named(
    command: &Certificate,
    trust: &Trust,
    verified: &VerifiedCertificate,
) -> Result<Option<WorkloadName>, Failure> {
    let Some(path) = &command.manifest else { return Ok(None) };
    let name = WorkloadName::parse(&command.workload);
    let name = name.map_err(|error| Failure::new("token.party", error))?;
    let manifest = verify_manifest(files::read_text(path)?.trim(), trust.release_keys(), now())
        .map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    let checked = verified.is_workload(&manifest, &name, now());
    checked.map_err(|refusal| Failure::new(refusal.code(), refusal))?;
    Ok(Some(name))
}

/// The certificate that the door shows, whose key it has proved to hold.
fn shown_at(address: &str) -> Result<Vec<u8>, Failure> {
    let failed = |cause: &dyn std::fmt::Display| Failure::new("certificate.connect", cause);
    let mut places = address.to_socket_addrs().map_err(|error| failed(&error))?;
    let place = places.next().ok_or_else(|| failed(&"the address is none"))?;
    let mut stream =
        TcpStream::connect_timeout(&place, WAIT_MAX).map_err(|error| failed(&error))?;
    stream.set_read_timeout(Some(WAIT_MAX)).map_err(|error| failed(&error))?;
    let name = ServerName::try_from("localhost").map_err(|error| failed(&error))?;
    let mut session =
        ClientConnection::new(Arc::new(greeting()?), name).map_err(|error| failed(&error))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(|error| failed(&error))?;
    }
    let shown = session.peer_certificates().and_then(<[_]>::first);
    shown.map(|der| der.to_vec()).ok_or_else(|| failed(&"no certificate was shown"))
}

fn greeting() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| Failure::new("certificate.connect", error))?;
    let holder = Arc::new(Holder(provider));
    Ok(config.dangerous().with_custom_certificate_verifier(holder).with_no_client_auth())
}

/// Whoever shows a certificate must hold its key. Whose key it is, the evidence says.
#[derive(Debug)]
struct Holder(Arc<CryptoProvider>);

impl ServerCertVerifier for Holder {
    fn verify_server_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
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
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, shown, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
