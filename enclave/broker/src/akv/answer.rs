//! The answer to a release: a JWS by the broker's key, whose certificate carries the
//! broker's own token, around the wrapped key. Made from what was recorded and wrapped.

use autoclave_base::b64;
use autoclave_cell::{Cell, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::rsa::Wrapping;
use super::wire;
use crate::vault::Version;

/// Name of a key to wrap to that has none.
const UNNAMED: &str = "TpmEphemeralEncryptionKey";

/// What goes into an answer.
pub(super) struct Released<'a> {
    pub(super) version: &'a Version,
    pub(super) kid: &'a str,
    pub(super) api_version: &'a str,
    pub(super) nonce: Option<&'a str>,
    pub(super) wrapping: Wrapping,
    pub(super) target: Option<&'a str>,
    pub(super) wrapped: &'a [u8],
}

impl Released<'_> {
    /// The payload, as Azure documents it.
    fn payload(&self) -> Value {
        let wrapped = json!({
            "schema_version": "1.0",
            "header": {
                "kid": self.target.unwrap_or(UNNAMED),
                "alg": "dir",
                "enc": self.wrapping.as_str(),
            },
            "ciphertext": b64::encode(self.wrapped),
        });
        let mut key = wire::public(self.version, self.kid);
        key["key_hsm"] = json!(b64::encode(wrapped.to_string()));
        let mut response = json!({
            "key": { "key": key, "attributes": wire::attributes(self.version) },
        });
        if let Some(policy) = wire::policy(self.version) {
            response["key"]["release_policy"] = policy;
        }
        let (version, enc) = (self.api_version, self.wrapping.as_str());
        let mut request = json!({ "api-version": version, "enc": enc, "kid": self.kid });
        if let Some(nonce) = self.nonce {
            request["nonce"] = json!(nonce);
        }
        json!({ "request": request, "response": response })
    }

    /// The JWS: ES256, with the certificate and its digest in the header. It has no `typ`,
    /// so that it passes for nothing else that the key signs.
    pub(super) async fn sign(&self, cell: &Cell) -> Result<String, Refusal> {
        let certificate = cell.certificate().await?;
        let header = json!({
            "alg": "ES256",
            "kid": cell.thumbprint().to_string(),
            "x5c": [STANDARD.encode(&certificate)],
            "x5t#S256": b64::encode(Sha256::digest(&certificate)),
        });
        let signed = [header, self.payload()].map(|part| b64::encode(part.to_string())).join(".");
        let signature: Signature = cell.signing_key().sign(signed.as_bytes());
        Ok(format!("{signed}.{}", b64::encode(signature.to_bytes())))
    }
}
