//! Why a handshake fails.

use super::To;
use crate::evidence::EvidenceRefusal;
use crate::release::ManifestRefusal;
use crate::token::TokenRefusal;

/// Why a party is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeRefusal {
    /// A party answered with another status than 200.
    #[error("a party answered with status {status}")]
    Status {
        /// Who.
        by: To,
        /// The status.
        status: u16,
    },
    /// An answer was not of the expected form.
    #[error("a party's answer is malformed")]
    Malformed {
        /// Who.
        by: To,
    },
    /// An answer too many, or `finish` before the last one.
    #[error("the handshake is out of step")]
    OutOfStep,
    /// Evidence over another nonce than the one asked for.
    #[error("the evidence is over another nonce")]
    Nonce,
    /// The attestor's evidence is refused.
    #[error("the attestor's evidence is refused")]
    Evidence(#[source] EvidenceRefusal),
    /// The attestor is not backed by hardware, and no development root is trusted.
    #[error("the attestor is not backed by hardware")]
    HardwareRequired,
    /// The release manifest is refused.
    #[error("the release manifest is refused")]
    Manifest(#[source] ManifestRefusal),
    /// The manifest does not name this code as the attestor.
    #[error("the code that answers is not the attestor of the release manifest")]
    NotTheAttestor,
    /// The attestor's evidence vouches for other keys than it publishes.
    #[error("the attestor's published keys are not those of its evidence")]
    Keys,
    /// The peer's token is refused.
    #[error("the peer's token is refused")]
    Token(#[source] TokenRefusal),
}

impl HandshakeRefusal {
    /// The stable code; a refusal further in has its own.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Status { by: To::Attestor, .. } => "attestor.status",
            Self::Status { by: To::Peer, .. } => "peer.status",
            Self::Malformed { by: To::Attestor } => "attestor.malformed",
            Self::Malformed { by: To::Peer } => "peer.malformed",
            Self::OutOfStep => "handshake.out_of_step",
            Self::Nonce => "peer.nonce",
            Self::Evidence(refusal) => refusal.code(),
            Self::HardwareRequired => "attestor.hardware_required",
            Self::Manifest(refusal) => refusal.code(),
            Self::NotTheAttestor => "attestor.not_the_attestor",
            Self::Keys => "attestor.keys",
            Self::Token(refusal) => refusal.code(),
        }
    }
}
