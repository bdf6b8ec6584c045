//! The request as Trustee's clients write it. Whoever asks fills it in; nothing in it is
//! believed, and what it names beyond the protocol is not looked at.

use autoclave_cell::Refusal;
use serde::Deserialize;
use serde_json::Value;

use super::evidence::UNSUPPORTED;
use crate::refusal;

/// Devices in one request: a processor and what hangs on it.
const VERIFICATIONS_MAX: usize = 4;

/// Longest audience.
const AUDIENCE_BYTES_MAX: usize = 256;

/// `POST /attestation`.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) verification_requests: Vec<Verification>,
    /// Ours: for whom the token is.
    pub(super) audience: Option<String>,
}

/// Evidence of one device.
#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    pub(super) tee: String,
    /// base64url of JSON.
    pub(super) evidence: String,
    pub(super) runtime_data: Option<RuntimeData>,
    pub(super) init_data: Option<InitData>,
    pub(super) runtime_data_hash_algorithm: Option<String>,
}

/// What the evidence must vouch for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RuntimeData {
    /// The report data itself, in base64url.
    Raw(String),
    /// An object whose digest it is.
    Structured(Value),
}

/// What the TEE must have been started with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InitData {
    /// The digest, in base64url.
    #[serde(alias = "digest")]
    InitDataDigest(String),
    /// The document.
    #[serde(alias = "toml")]
    InitDataToml(String),
}

impl Request {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.verification_requests.is_empty() {
            return Err(refusal::MALFORMED);
        }
        if self.verification_requests.len() > VERIFICATIONS_MAX {
            return Err(UNSUPPORTED);
        }
        let fits = |text: &String| {
            (1..=AUDIENCE_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if self.audience.as_ref().is_some_and(|audience| !fits(audience)) {
            return Err(refusal::AUDIENCE);
        }
        Ok(())
    }
}
