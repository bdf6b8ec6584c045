//! The receipt: which model and code gave which answer to which request. The enclave that
//! answers signs it; anybody can check it later without asking anyone. It carries digests
//! and names, never a request, an answer, or whom they are about.

mod offline;

#[cfg(test)]
mod tests;

use autoclave_base::ids::{ModelName, WorkloadName};
use autoclave_base::{Digest, UnixTime};
use p256::ecdsa::SigningKey;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::jwk::Jwk;
use crate::jws::{self, Unverified};
use crate::random_id;
use crate::token::{TokenRefusal, VerifiedToken};

pub use offline::{OfflineTrust, ReceiptBundle, verify_chain_offline, verify_offline};

/// `typ` of a receipt.
pub const TYP: &str = "autoclave-receipt+jwt";

/// `sub` of a receipt for an inference.
pub const INFERENCE: &str = "inference";

/// A model, by hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name.
    pub name: ModelName,
    /// Its version.
    pub version: String,
    /// Digest of its file in clear.
    pub digest: Digest,
}

/// A line of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The ledger.
    pub origin: String,
    /// Its line, counted from 0.
    pub index: u64,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The workload that answered.
    pub iss: WorkloadName,
    /// What it did: [`INFERENCE`].
    pub sub: String,
    /// When.
    pub iat: UnixTime,
    /// Its own random name.
    pub jti: String,
    /// The model.
    pub model: Model,
    /// The engine and its version.
    pub engine: String,
    /// Digest of the request's body.
    pub request: Digest,
    /// Digest of the answer, as the route that gave it defines.
    pub response: Digest,
    /// Digest of the token of the enclave that answered.
    pub token: Digest,
    /// Digest of the policy that let the request in.
    pub policy: Digest,
    /// Digests of the tokens of the chain behind the request.
    pub chain: Vec<Digest>,
    /// The ledger line that was durable before the answer left.
    pub line: Line,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// Not a receipt.
    #[error("the receipt is malformed")]
    Malformed,
    /// The token beside it is refused, as of the receipt's time.
    #[error("the token beside the receipt is refused")]
    Token(#[source] TokenRefusal),
    /// Not signed by the key that the token binds.
    #[error("the receipt's signature is wrong")]
    Signature,
    /// It names another token or workload.
    #[error("the receipt and the token beside it do not belong together")]
    Binding,
    /// It is for another answer.
    #[error("the receipt is for another answer")]
    Response,
    /// The tokens beside it are not those of the chain that it names.
    #[error("the tokens beside the receipt are not those of its chain")]
    Chain,
    /// The attestor's keys beside it are not trusted.
    #[error("the attestor's keys beside the receipt are not trusted")]
    Keys,
}

impl ReceiptRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "receipt.malformed",
            Self::Token(_) => "receipt.token_refused",
            Self::Signature => "receipt.signature",
            Self::Binding => "receipt.binding",
            Self::Response => "receipt.response",
            Self::Chain => "receipt.chain",
            Self::Keys => "receipt.keys",
        }
    }
}

/// A name for a new receipt.
pub fn new_id(rng: &mut (impl CryptoRng + ?Sized)) -> String {
    random_id(rng)
}

/// Signs a receipt with the key that the enclave's token binds.
pub fn sign(receipt: &Receipt, key: &SigningKey) -> String {
    let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
    jws::sign(TYP, &kid, receipt, key)
}

/// A receipt that verified against its enclave's token. Only [`verify`] and
/// [`verify_offline`] make it.
#[derive(Clone, Debug)]
pub struct VerifiedReceipt {
    receipt: Receipt,
    token: VerifiedToken,
}

impl VerifiedReceipt {
    /// What it says.
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The token of the enclave that signed it; its ledger key verifies the line.
    pub const fn token(&self) -> &VerifiedToken {
        &self.token
    }
}

/// Checks that the holder of `token` signed the receipt, about itself.
pub fn verify(jws: &str, token: &VerifiedToken) -> Result<VerifiedReceipt, ReceiptRefusal> {
    let parsed = Unverified::parse(jws, TYP).map_err(|_| ReceiptRefusal::Malformed)?;
    let key = token.signing_key().verifying_key().ok_or(ReceiptRefusal::Signature)?;
    let payload = parsed.verify(key).map_err(|_| ReceiptRefusal::Signature)?;
    let receipt: Receipt =
        serde_json::from_slice(&payload).map_err(|_| ReceiptRefusal::Malformed)?;
    if receipt.token != token.digest() || receipt.iss != *token.workload() {
        return Err(ReceiptRefusal::Binding);
    }
    Ok(VerifiedReceipt { receipt, token: token.clone() })
}
