//! Signatures in the attestor's name for readers that want certificates beside keys: compact
//! JWS whose header has `kid`, `jwk` and `x5c`. The keys are the keyring's. A certificate
//! here is a container for a key that evidence vouches for, and no authority signs one.

use autoclave_attest::jwk::Jwk;
use autoclave_base::{UnixTime, b64};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePrivateKey as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// What goes wrong only if the keys are damaged.
#[derive(Debug, thiserror::Error)]
#[error("a token cannot be signed")]
pub(crate) struct SigningError;

impl SigningError {
    pub(crate) const CODE: &'static str = "attestor.signing";
}

/// How long a certificate says that its key lasts (seconds): past every rotation, so that the
/// keys that are published, and nothing else, say which ones count.
const CERTIFICATE_SECONDS: u64 = 10 * 365 * 86_400;

/// The names in a certificate for `issuer`, from `since` on.
pub(crate) fn certificate_of(
    issuer: &str,
    since: UnixTime,
) -> Result<CertificateParams, SigningError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, issuer);
    parameters.not_before = date(since)?;
    parameters.not_after = date(since.plus(CERTIFICATE_SECONDS))?;
    Ok(parameters)
}

/// A certificate of an ES256 key for itself (DER).
pub(crate) fn self_signed(
    key: &SigningKey,
    issuer: &str,
    since: UnixTime,
) -> Result<Vec<u8>, SigningError> {
    let certificate = certificate_of(issuer, since)?.self_signed(&pair(key)?);
    Ok(certificate.map_err(|_| SigningError)?.der().to_vec())
}

/// An ES256 key as the library for certificates has it.
pub(crate) fn pair(key: &SigningKey) -> Result<KeyPair, SigningError> {
    let pkcs8 = key.to_pkcs8_der().map_err(|_| SigningError)?;
    let der = PrivatePkcs8KeyDer::from(pkcs8.as_bytes());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256)
        .map_err(|_| SigningError)
}

fn date(time: UnixTime) -> Result<OffsetDateTime, SigningError> {
    let seconds = i64::try_from(time.seconds()).map_err(|_| SigningError)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| SigningError)
}

/// Certificates as `x5c` has them (RFC 7515, section 4.1.6): base64 with padding.
pub(crate) fn x5c(chain: &[Vec<u8>]) -> Vec<String> {
    chain.iter().map(|der| STANDARD.encode(der)).collect()
}

/// Signs with ES256. The header's `jwk` carries its certificate in base64url, as Trustee's
/// readers decode it; the header's own `x5c` is as RFC 7515 wants it.
pub(crate) fn sign_es256(
    payload: &Value,
    key: &SigningKey,
    certificate: &[u8],
) -> Result<String, SigningError> {
    let jwk = Jwk::signing(key.verifying_key());
    let kid = jwk.thumbprint().to_string();
    let mut jwk = serde_json::to_value(jwk).map_err(|_| SigningError)?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("alg".to_owned(), json!("ES256"));
        members.insert("x5c".to_owned(), json!([b64::encode(certificate)]));
    }
    let chain = x5c(&[certificate.to_vec()]);
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid, "jwk": jwk, "x5c": chain});
    let signed = signing_input(&header, payload)?;
    let signature: Signature = key.sign(signed.as_bytes());
    Ok(format!("{signed}.{}", b64::encode(signature.to_bytes())))
}

/// Header and payload as they are signed.
pub(crate) fn signing_input(
    header: &Value,
    payload: &impl Serialize,
) -> Result<String, SigningError> {
    let header = serde_json::to_vec(header).map_err(|_| SigningError)?;
    let payload = serde_json::to_vec(payload).map_err(|_| SigningError)?;
    Ok(format!("{}.{}", b64::encode(header), b64::encode(payload)))
}
