//! The JSON of the attestation routes.

use autoclave_base::UnixTime;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::nonce::Nonce;
use crate::runtime::Runtime;

/// The attestor's answer to a request for a nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceAnswer {
    /// To be used once.
    pub nonce: Nonce,
    /// From when it is not accepted any more.
    pub expires_at: UnixTime,
}

/// A request for evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceQuery {
    /// The nonce to make it over.
    pub nonce: Nonce,
}

/// An enclave's answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceAnswer {
    /// The evidence.
    pub evidence: Evidence,
    /// The object whose report data the evidence holds.
    pub runtime: Runtime,
}

/// A request for appraisal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestQuery {
    /// The evidence.
    pub evidence: Evidence,
    /// The object whose report data the evidence holds.
    pub runtime: Runtime,
    /// Whom the token is for.
    pub audience: String,
}

/// The attestor's answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// The JWT.
    pub token: String,
}
