//! Our evidence as attesters of Confidential Containers write it: the same signed bytes under
//! the names that their services read. The guest's. A kind that has no such form here makes
//! no evidence, rather than one that nobody reads.

use autoclave_attest::evidence::{Evidence, TeeKind};
use serde_json::Value;

/// The evidence as a member of a request.
pub(crate) fn of(evidence: &Evidence) -> Option<Value> {
    match evidence.kind {
        // Ours alone: the service hands them on as they are.
        TeeKind::Software | TeeKind::Tpm | TeeKind::Nitro => {
            Some(Value::String(evidence.body.clone()))
        }
        TeeKind::Sgx | TeeKind::Tdx => serde_json::from_str(&evidence.body).ok(),
        _ => None,
    }
}
