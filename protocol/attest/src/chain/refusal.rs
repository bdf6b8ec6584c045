//! Why a chain is refused.

use crate::book::BookRefusal;
use crate::token::TokenRefusal;

/// Why a chain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainRefusal {
    /// There is none.
    #[error("the request comes without a chain")]
    Missing,
    /// Not a chain, or a longer one than is looked at.
    #[error("the chain is malformed")]
    Malformed,
    /// A link's token is refused.
    #[error("a link of the chain is refused")]
    Link(#[source] TokenRefusal),
    /// A proof is not by its token's key, or not about this request.
    #[error("a proof of the chain does not hold")]
    Proof,
    /// A link is missing, out of place, or meant for another recipient.
    #[error("the links of the chain do not join")]
    Order,
    /// Every link holds, but these components may not call here in this order.
    #[error("this chain of components is not accepted here")]
    NotAccepted,
    /// The last proof was used before.
    #[error("the proof was used before")]
    Replayed,
    /// A proof is too old or from the future.
    #[error("a proof of the chain is not fresh")]
    Stale,
    /// Too many proofs have to be remembered.
    #[error("too many requests at once")]
    Busy,
}

impl ChainRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "chain.missing",
            Self::Malformed => "chain.malformed",
            Self::Link(_) => "chain.link_refused",
            Self::Proof => "chain.proof",
            Self::Order => "chain.order",
            Self::NotAccepted => "chain.not_accepted",
            Self::Replayed => "chain.replayed",
            Self::Stale => "chain.stale",
            Self::Busy => "chain.busy",
        }
    }
}

impl From<BookRefusal> for ChainRefusal {
    fn from(refusal: BookRefusal) -> Self {
        match refusal {
            BookRefusal::Replayed => Self::Replayed,
            BookRefusal::Busy => Self::Busy,
        }
    }
}
