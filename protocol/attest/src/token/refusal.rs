//! Why a token is refused.

use crate::jws::JwsRefusal;

/// Why a token is refused, in the order in which [`super::verify`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not a token of our profile, or one that contradicts itself.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with another algorithm than ES256, or with none.
    #[error("the token's algorithm is not allowed")]
    Alg,
    /// Signed by a key that the attestor does not publish.
    #[error("the token's key is not one of the attestor's")]
    KeyUnknown,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// Issued by somebody else.
    #[error("the token is by another issuer")]
    Issuer,
    /// Meant for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Begins in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Ended, or older than asked for.
    #[error("the token has expired")]
    Expired,
    /// Made over another nonce: an old answer.
    #[error("the token is over another nonce")]
    Nonce,
    /// Bound to another key than the one that is used.
    #[error("the token is bound to another key")]
    KeyBinding,
    /// The host can look inside.
    #[error("the token is for a TEE in debug mode")]
    Debug,
    /// Not backed by hardware where that is asked for.
    #[error("the token is not backed by hardware")]
    HardwareRequired,
    /// The measurement is not one of those expected.
    #[error("the token is for unknown code")]
    Measurement,
    /// Another workload.
    #[error("the token is for another workload")]
    Workload,
    /// Appraised by another policy.
    #[error("the token was appraised by another policy")]
    Policy,
    /// The attestor does not affirm it.
    #[error("the attestor does not affirm the token's evidence")]
    NotAffirming,
}

impl TokenRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "token.malformed",
            Self::Alg => "token.alg_not_allowed",
            Self::KeyUnknown => "token.key_unknown",
            Self::Signature => "token.signature",
            Self::Issuer => "token.issuer",
            Self::Audience => "token.audience",
            Self::NotYetValid => "token.not_yet_valid",
            Self::Expired => "token.expired",
            Self::Nonce => "token.nonce",
            Self::KeyBinding => "token.key_binding",
            Self::Debug => "token.debug",
            Self::HardwareRequired => "token.hardware_required",
            Self::Measurement => "token.measurement",
            Self::Workload => "token.workload",
            Self::Policy => "token.policy",
            Self::NotAffirming => "token.not_affirming",
        }
    }
}

impl From<JwsRefusal> for TokenRefusal {
    fn from(refusal: JwsRefusal) -> Self {
        match refusal {
            JwsRefusal::Alg => Self::Alg,
            JwsRefusal::Signature => Self::Signature,
            _ => Self::Malformed,
        }
    }
}
