//! Who may sign policies: certificates that the configuration names, and those that a signer
//! among them added. A certificate counts by being known, byte for byte; no authority and no
//! date makes one known. Its key must have signed: RS256, or ES256.

use std::sync::Arc;

use autoclave_base::b64;
use autoclave_cell::Refusal;
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use super::Versioned;
use super::error::AzureError;
use super::policies::unquoted;
use super::token::signer_jwk;
use crate::foreign::FOREIGN_BYTES_MAX;
use crate::refusal;
use crate::service::Attestor;
use autoclave_base::HexBytes;

/// The operation in the ledger and in metrics.
const OPERATION: &str = "azure_signer";

/// rsaEncryption (RFC 8017, appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const SIGNATURE_MISSING: Refusal = Refusal::bad_request(
    "policy.unsigned",
    "The policy must be signed by one of the policy signers.",
);
const SIGNER_UNKNOWN: Refusal =
    Refusal::bad_request("policy.signer_unknown", "The signer of the policy is not known here.");
const SIGNATURE_WRONG: Refusal =
    Refusal::bad_request("policy.signature", "The signature of the policy is wrong.");

/// What a JWS holds, and the certificate (DER) of who signed it, where somebody had to.
pub(super) struct Signed {
    pub(super) payload: Vec<u8>,
    pub(super) signer: Option<Vec<u8>>,
}

/// Azure's client library for Python writes `RSA256`, and puts the certificates into a `jwk`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    x5c: Option<Vec<String>>,
    jwk: Option<HeaderKey>,
}

#[derive(Deserialize)]
struct HeaderKey {
    x5c: Option<Vec<String>>,
}

impl Attestor {
    /// Checks the signature of a JWS that changes something.
    pub(super) fn signed(&self, jws: &str) -> Result<Signed, AzureError> {
        if jws.len() > FOREIGN_BYTES_MAX {
            return Err(refusal::MALFORMED.into());
        }
        let known = self.azure.store.signers();
        let (input, signature) = jws.rsplit_once('.').ok_or(refusal::MALFORMED)?;
        let (header, payload) = input.split_once('.').ok_or(refusal::MALFORMED)?;
        let decode = |part: &str| b64::decode(part).map_err(|_| refusal::MALFORMED);
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| refusal::MALFORMED)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        if header.alg.eq_ignore_ascii_case("none") {
            let allowed = known.is_empty() && self.azure.settings.unsigned_policies;
            if !allowed || !signature.is_empty() {
                return Err(AzureError::new("PolicySignatureRequired", SIGNATURE_MISSING));
            }
            return Ok(Signed { payload, signer: None });
        }
        let chain = header.x5c.or_else(|| header.jwk.and_then(|jwk| jwk.x5c)).unwrap_or_default();
        let leaf = chain.first().and_then(|leaf| STANDARD.decode(leaf).ok());
        let signer = leaf.filter(|leaf| known.contains(leaf));
        let signer = signer.ok_or(AzureError::new("PolicySignerUnknown", SIGNER_UNKNOWN))?;
        if verifies(&header.alg, &signer, input.as_bytes(), &signature) != Some(true) {
            return Err(AzureError::new("PolicySignatureInvalid", SIGNATURE_WRONG));
        }
        Ok(Signed { payload, signer: Some(signer) })
    }
}

fn verifies(alg: &str, certificate: &[u8], signed: &[u8], signature: &[u8]) -> Option<bool> {
    let algorithm: &'static dyn VerificationAlgorithm = match (alg, key_type(certificate)) {
        ("RS256" | "RSA256", "RSA") => &RSA_PKCS1_2048_8192_SHA256,
        ("ES256", "EC") => &ECDSA_P256_SHA256_FIXED,
        _ => return None,
    };
    let certificate = Certificate::from_der(certificate).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info();
    let key = UnparsedPublicKey::new(algorithm, key.subject_public_key.as_bytes()?);
    Some(key.verify(signed, signature).is_ok())
}

/// `kty` of a certificate's key.
pub(super) fn key_type(certificate: &[u8]) -> &'static str {
    let Ok(certificate) = Certificate::from_der(certificate) else { return "unknown" };
    let key = certificate.tbs_certificate().subject_public_key_info();
    if key.algorithm.oid == RSA { "RSA" } else { "EC" }
}

type Answer = Result<Json<Value>, AzureError>;

pub(super) async fn list(State(attestor): State<Arc<Attestor>>, _version: Versioned) -> Answer {
    let keys: Vec<_> = attestor.azure.store.signers().iter().map(|one| signer_jwk(one)).collect();
    let mut claims = Map::new();
    claims.insert("x-ms-policy-certificates".to_owned(), json!({"keys": keys}));
    attestor.answer_azure(claims).await
}

pub(super) async fn add(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let done = attestor.change_signer(&headers, unquoted(&body), true).await;
    attestor.answer_change(OPERATION, done).await
}

pub(super) async fn remove(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let done = attestor.change_signer(&headers, unquoted(&body), false).await;
    attestor.answer_change(OPERATION, done).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    policy_certificate: HeaderKey,
}

impl Attestor {
    /// Only a signer adds or removes another: who is none cannot begin here.
    async fn change_signer(
        &self,
        headers: &HeaderMap,
        jws: &str,
        add: bool,
    ) -> Result<Map<String, Value>, AzureError> {
        self.administrator(headers)?;
        let Signed { payload, signer } = self.signed(jws)?;
        if signer.is_none() {
            return Err(AzureError::new("PolicySignatureRequired", SIGNATURE_MISSING));
        }
        let change: Change = serde_json::from_slice(&payload).map_err(|_| refusal::MALFORMED)?;
        let chain = change.policy_certificate.x5c.unwrap_or_default();
        let certificate = chain.first().and_then(|text| STANDARD.decode(text).ok());
        let certificate = certificate.filter(|der| key_type(der) != "unknown");
        let certificate = certificate.ok_or(refusal::MALFORMED)?;
        let there = self.azure.store.change_signer(self.cell(), &certificate, add).await?;
        let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let mut claims = Map::new();
        let result = if there { "IsPresent" } else { "IsAbsent" };
        claims.insert("x-ms-policycertificates-result".to_owned(), json!(result));
        let thumbprint = HexBytes::of(thumbprint.as_ref());
        claims.insert("x-ms-certificate-thumbprint".to_owned(), json!(thumbprint));
        Ok(claims)
    }
}
