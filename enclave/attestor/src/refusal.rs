//! Refusals of this role: what the caller is told, and the ledger's line.

use autoclave_attest::evidence::EvidenceRefusal;
use autoclave_attest::nonce::NonceRefusal;
use autoclave_cell::Refusal;
use http::StatusCode;

/// Not the JSON that the route takes.
pub(crate) const MALFORMED: Refusal =
    Refusal::bad_request("attest.malformed", "The request is not what this route takes.");

/// The audience is empty, too long, or not printable.
pub(crate) const AUDIENCE: Refusal =
    Refusal::bad_request("attest.audience", "The audience is not one that a token can name.");

/// The manifest in force has ended.
pub(crate) const MANIFEST_EXPIRED: Refusal =
    Refusal::unavailable("manifest.expired", "The release manifest has expired.");

/// There is no policy of the operator's: never, once the attestor has opened.
pub(crate) const NO_RULES: Refusal = Refusal::internal("attestor.no_rules");

/// A nonce is not issued, or not taken.
pub(crate) const fn of_nonce(refusal: NonceRefusal) -> Refusal {
    match refusal {
        NonceRefusal::Busy => {
            Refusal::unavailable(refusal.code(), "Too many nonces wait for evidence.")
        }
        NonceRefusal::Unknown | NonceRefusal::Expired => {
            Refusal::bad_request(refusal.code(), "The nonce is not one that waits here.")
        }
    }
}

/// Evidence is not believed.
pub(crate) const fn of_evidence(refusal: EvidenceRefusal) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), "The evidence does not verify.")
}
