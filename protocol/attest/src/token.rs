//! The attestation token: an EAR (Entity Attestation Result) as a JWT, bound to a key. The
//! attestor signs it, everybody verifies it with [`verify`], a pure function. A token is
//! never a bearer secret, and no claim of one counts that is not a [`VerifiedToken`].

mod book;
mod claims;
mod expectation;
mod issue;
mod keyset;
mod refusal;
mod verify;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use book::TokenBook;
pub use claims::{
    AnnotatedEvidence, Confirmation, DebugStatus, Submodule, Submodules, TokenClaims, VerifierId,
};
pub use expectation::Expectation;
pub use issue::{Issuance, Issuer};
pub use keyset::{KeySet, KeySetRefusal};
pub use refusal::TokenRefusal;
pub use verify::{VerifiedToken, verify};

/// `typ` of a token.
pub const TYP: &str = "JWT";

/// How long a token is accepted (seconds). Who carries one renews it after two thirds.
pub const TOKEN_LIFE_SECONDS: u64 = 600;

/// `aud` of the token that a component carries to whoever it calls. It may be one word
/// for all, because a proof of possession names the recipient each time.
pub const PASSPORT_AUDIENCE: &str = "autoclave";

/// `eat_profile`: our profile of the EAR.
pub const PROFILE: &str = "tag:autoclave.health,2026:ear";

/// `sub` of a token whose measurement no manifest names.
pub const UNKNOWN_WORKLOAD: &str = "unknown";
