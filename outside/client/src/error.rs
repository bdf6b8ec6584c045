//! Why something that the client was asked for did not happen.
//! It belongs to the client's caller; each error has a stable code.
//! No error carries a part of a request, an answer or a key.

use std::borrow::Cow;

use autoclave_attest::handshake::HandshakeRefusal;
use autoclave_base::Problem;
use autoclave_seal::request::{OpenRefusal, SealRefusal};

use crate::http::HttpError;

/// What a party answers to credentials, a session or a proof that it does not take.
const UNAUTHENTICATED: u16 = 401;

/// Why the client failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The edge, or a party behind it, cannot be reached.
    #[error("{party}: {source}")]
    Http {
        /// Who was asked.
        party: String,
        /// What happened.
        source: HttpError,
    },
    /// A party is not what it should be; nothing was sent to it.
    #[error("{party} is not believed: {}; nothing was sent", detail(*source))]
    NotBelieved {
        /// Who.
        party: String,
        /// Why.
        source: HandshakeRefusal,
    },
    /// A party's token holds no key that requests can be sealed to.
    #[error("{0} has no key that a request can be sealed to")]
    NoSealingKey(String),
    /// The request could not be sealed.
    #[error("the request was not sealed: {0}")]
    Seal(#[from] SealRefusal),
    /// The answer could not be opened; what came is not from the party.
    #[error("the answer was not opened: {0}")]
    Open(#[from] OpenRefusal),
    /// The party, or the edge before it, refused.
    #[error("{party} refused: {}", problem.title)]
    Refused {
        /// Who.
        party: String,
        /// What it said.
        problem: Problem,
    },
    /// The party failed without a problem document.
    #[error("{party} answered with status {status}")]
    Status {
        /// Who.
        party: String,
        /// The status.
        status: u16,
    },
    /// The answer is not of the form that this client knows.
    #[error("the answer of {0} is not of the expected form")]
    Malformed(String),
    /// Not a name of a party.
    #[error("not a party's name")]
    PartyName,
    /// The request cannot be made from what was given.
    #[error("the request cannot be made: {0}")]
    Request(&'static str),
}

impl ClientError {
    /// The stable code: the party's own where it refused.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Http { source, .. } => source.code().into(),
            Self::NotBelieved { source, .. } => source.code().into(),
            Self::NoSealingKey(_) => "client.no_sealing_key".into(),
            Self::Seal(refusal) => refusal.code().into(),
            Self::Open(refusal) => refusal.code().into(),
            Self::Refused { problem, .. } => problem.code.clone(),
            Self::Status { .. } => "client.status".into(),
            Self::Malformed(_) => "client.answer_malformed".into(),
            Self::PartyName => "client.party_name".into(),
            Self::Request(_) => "client.request".into(),
        }
    }

    /// Whether the party does not take the credentials or the session (status 401), so that
    /// nothing happened and signing in may help.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.status == UNAUTHENTICATED)
    }
}

/// A refusal with the refusals inside it.
fn detail(refusal: HandshakeRefusal) -> String {
    let mut text = refusal.to_string();
    let mut source = std::error::Error::source(&refusal);
    while let Some(inner) = source {
        text = format!("{text} ({inner})");
        source = inner.source();
    }
    text
}

/// A refusal or failure that a party answered with.
pub(crate) fn refused(party: &str, status: u16, body: &[u8]) -> ClientError {
    let party = party.to_owned();
    match Problem::parse(body) {
        Some(problem) => ClientError::Refused { party, problem },
        None => ClientError::Status { party, status },
    }
}

#[cfg(test)]
mod tests {
    use autoclave_attest::token::TokenRefusal;

    use super::*;

    #[test]
    fn a_partys_code_is_passed_on() {
        let problem = Problem::new(403, "release.refused", "No.");
        let error = refused("broker", 403, &problem.to_json());
        assert_eq!(error.code(), "release.refused");
        assert_eq!(refused("broker", 500, b"<html>").code(), "client.status");
    }

    #[test]
    fn only_a_401_says_that_signing_in_may_help() {
        let refusal = |status| {
            let problem = Problem::new(status, "session.refused", "No.");
            refused("clinic", status, &problem.to_json())
        };
        assert!(refusal(401).is_unauthenticated());
        assert!(!refusal(403).is_unauthenticated());
        assert!(!refused("clinic", 401, b"<html>").is_unauthenticated());
    }

    #[test]
    fn a_party_that_is_not_believed_says_why() {
        let source = HandshakeRefusal::Token(TokenRefusal::HardwareRequired);
        let error = ClientError::NotBelieved { party: "clinic".into(), source };
        assert_eq!(error.code(), "token.hardware_required");
        assert!(error.to_string().contains("nothing was sent"));
    }
}
