//! How one party comes to believe another: who must be asked what, and what must be true
//! of the answers. The shells carry bytes and decide nothing; attestor and peer may lie,
//! and so may whatever lies between. Nothing is believed before `finish`.

mod attestor;
mod peer;
mod refusal;
mod trust;
mod wire;

#[cfg(test)]
mod tests;

pub use attestor::{AttestorCheck, AttestorTranscript, VerifiedAttestor};
pub use peer::{PeerCheck, VerifiedPeer};
pub use refusal::HandshakeRefusal;
pub use trust::{Trust, TrustAnchors};
pub use wire::{AttestQuery, EvidenceAnswer, EvidenceQuery, NonceAnswer, TokenAnswer};

/// Where every enclave answers with evidence: `POST` [`EvidenceQuery`].
pub const EVIDENCE_PATH: &str = "/.well-known/autoclave/evidence";

/// Where an attestor issues nonces: `POST` without a body.
pub const NONCE_PATH: &str = "/attest/nonce";

/// Where an attestor appraises: `POST` [`AttestQuery`].
pub const ATTEST_PATH: &str = "/attest";

/// Where an attestor shows the release manifest it appraises by.
pub const MANIFEST_PATH: &str = "/attest/manifest";

/// Where an attestor publishes its keys.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Longest answer that is looked at: a token or a manifest, and its JSON.
pub const ANSWER_BYTES_MAX: usize = 96 * 1024;

/// The attestor's name on the manifest.
pub const ATTESTOR: &str = "attestor";

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The attestor.
    Attestor,
    /// The peer that is being checked.
    Peer,
}

/// A request that the shell must carry, over any channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whom to ask.
    pub to: To,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path below the party's address.
    pub path: &'static str,
    /// `Content-Type`, where there is a body.
    pub content_type: Option<&'static str>,
    /// The body; empty for `GET`.
    pub body: Vec<u8>,
}

impl Ask {
    const fn get(to: To, path: &'static str) -> Self {
        Self { to, method: "GET", path, content_type: None, body: Vec::new() }
    }

    fn post(to: To, path: &'static str, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { to, method: "POST", path, content_type: Some("application/json"), body }
    }
}

/// What both checks do first with an answer.
fn accept(to: To, status: u16, body: &[u8]) -> Result<(), HandshakeRefusal> {
    if status != 200 {
        return Err(HandshakeRefusal::Status { by: to, status });
    }
    if body.len() > ANSWER_BYTES_MAX {
        return Err(HandshakeRefusal::Malformed { by: to });
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(by: To, body: &[u8]) -> Result<T, HandshakeRefusal> {
    serde_json::from_slice(body).map_err(|_| HandshakeRefusal::Malformed { by })
}
