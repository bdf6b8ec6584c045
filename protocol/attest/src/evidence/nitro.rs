//! Evidence by AWS Nitro: a document that the enclave's security module signed about the
//! image that was started and the bytes that the code inside handed in. The verifier's,
//! under AWS's root key, which is pinned here. No module is spoken to.

mod claims;
mod document;
mod refusal;
mod verify;

#[cfg(test)]
mod tests;

use autoclave_base::b64;
use serde::{Deserialize, Serialize};

pub use document::Document;
pub use refusal::NitroRefusal;
pub use verify::NitroVerifier;

/// The body of Nitro evidence: JSON of exactly this member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroBody {
    /// The attestation document (`COSE_Sign1`), as the module gave it.
    #[serde(with = "b64::serde_bytes")]
    pub document: Vec<u8>,
}
