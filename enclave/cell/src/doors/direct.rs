//! The direct door: TLS 1.3 whose certificate carries the enclave's token, or the attestor's
//! own evidence, and is made for the very key that it binds, so that whoever verifies it has
//! verified the channel's end. It belongs to machines. No certificate authority has a say here.

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use autoclave_attest::token::VerifiedToken;
use autoclave_base::{UnixTime, b64};
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePrivateKey as _;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use tokio_rustls::TlsAcceptor;

use crate::{BootError, Cell, Refusal};

/// `id-pe-cmw` (draft-ietf-rats-msg-wrap, section 7): a conceptual message wrapper in a
/// certificate.
const CMW_OID: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 35];

/// The token's type inside the wrapper: an EAT as a JWT (RFC 9782).
const TOKEN_MEDIA_TYPE: &str = "application/eat+jwt";

/// Who may negotiate what over TLS: HTTP/1.1 only.
const ALPN: &[u8] = b"http/1.1";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What a certificate says: a wrapped message, and when it holds.
struct Said {
    wrapper: String,
    from: UnixTime,
    until: UnixTime,
}

impl Said {
    fn token(token: &VerifiedToken) -> Self {
        let claims = token.claims();
        Self { wrapper: token_wrapper(token.raw()), from: claims.nbf, until: claims.exp }
    }
}

/// The certificate of this moment; replaced whenever the token is.
#[derive(Debug, Default)]
pub(crate) struct Certificate(RwLock<Option<Arc<CertifiedKey>>>);

impl Certificate {
    /// Makes the certificate for `token`, or one that says nothing.
    pub(crate) fn renew(&self, cell: &Cell, token: Option<&VerifiedToken>) -> Result<(), AnyError> {
        self.say(cell, token.map(Said::token).as_ref())
    }

    /// Makes the certificate that carries `wrapper`, from and until the times given.
    pub(crate) fn carry(
        &self,
        cell: &Cell,
        wrapper: &str,
        from: UnixTime,
        until: UnixTime,
    ) -> Result<(), AnyError> {
        self.say(cell, Some(&Said { wrapper: wrapper.to_owned(), from, until }))
    }

    fn say(&self, cell: &Cell, said: Option<&Said>) -> Result<(), AnyError> {
        let key = certified(cell.workload().as_str(), cell.signing_key(), said)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        Ok(())
    }
}

impl Cell {
    /// A certificate (DER) of this enclave's signing key, with its token where it has one:
    /// whoever reads it can verify the enclave like any other.
    pub async fn certificate(&self) -> Result<Vec<u8>, Refusal> {
        let said = self.token().await.ok().map(|token| Said::token(&token));
        certified(self.workload().as_str(), self.signing_key(), said.as_ref())
            .ok()
            .and_then(|key| Some(key.cert.first()?.to_vec()))
            .ok_or(Refusal::internal("cell.certificate"))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// TLS 1.3 with whatever certificate is current.
pub(crate) fn acceptor(certificate: Arc<Certificate>) -> Result<TlsAcceptor, BootError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| BootError::setup("cell.tls", error))?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certified(name: &str, key: &SigningKey, said: Option<&Said>) -> Result<CertifiedKey, AnyError> {
    let pkcs8 = key.to_pkcs8_der()?;
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_bytes());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = parameters(name, said)?.self_signed(&pair)?;
    let signer = ring::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(der))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signer))
}

fn parameters(name: &str, said: Option<&Said>) -> Result<CertificateParams, AnyError> {
    let mut parameters = CertificateParams::new([name.to_owned(), "localhost".to_owned()])?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    if let Some(said) = said {
        parameters.not_before = date(said.from)?;
        parameters.not_after = date(said.until)?;
        let content = utf8_string(&said.wrapper);
        parameters.custom_extensions.push(CustomExtension::from_oid_content(&CMW_OID, content));
    }
    Ok(parameters)
}

fn date(time: UnixTime) -> Result<OffsetDateTime, AnyError> {
    Ok(OffsetDateTime::from_unix_timestamp(i64::try_from(time.seconds())?)?)
}

/// The wrapper in its JSON form: `["application/eat+jwt", "<base64url of the token>"]`.
fn token_wrapper(token: &str) -> String {
    format!(r#"["{TOKEN_MEDIA_TYPE}","{}"]"#, b64::encode(token))
}

/// DER of a `UTF8String` (X.690, sections 8.1.3 and 8.23).
fn utf8_string(text: &str) -> Vec<u8> {
    const TAG: u8 = 0x0c;
    let length = text.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![TAG];
    match (&length[..], u8::try_from(length.len())) {
        ([], _) => der.push(0),
        ([short @ 0..0x80], _) => der.push(*short),
        (long, Ok(count)) => {
            der.push(0x80 | count);
            der.extend(long);
        }
        // A length has at most eight bytes.
        (_, Err(_)) => {}
    }
    der.extend(text.as_bytes());
    der
}
