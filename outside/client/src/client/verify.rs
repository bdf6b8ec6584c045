//! Carries the handshakes' questions over HTTP; all judgement is `autoclave_attest`'s.
//! It belongs to the client.
//! Nothing here decides whether an answer is good.

use autoclave_attest::handshake::{
    Ask, AttestorCheck, HandshakeRefusal, PeerCheck, To, Trust, VerifiedAttestor, VerifiedPeer,
};
use autoclave_attest::token::TokenRefusal;
use autoclave_base::ids::WorkloadName;
use http::Method;

use super::{party_path, unreachable};
use crate::clock::{Clock, random};
use crate::error::{ClientError, refused};
use crate::http::{Answer, Http};

/// The attestor's name in routes.
const ATTESTOR: &str = "attestor";

/// Verifies the attestor.
pub(super) async fn attestor(
    http: &Http,
    clock: &Clock,
    trust: &Trust,
) -> Result<VerifiedAttestor, ClientError> {
    let mut check = AttestorCheck::start(trust, &mut random());
    while let Some(ask) = check.next() {
        let answer = carry(http, &ask, ATTESTOR).await?;
        let judged = check.answer(answer.status.as_u16(), &answer.body, clock.now());
        judged.map_err(|source| not_believed(ATTESTOR, source))?;
    }
    check.finish().map_err(|source| not_believed(ATTESTOR, source))
}

/// Verifies a party.
pub(super) async fn peer(
    http: &Http,
    clock: &Clock,
    attestor: &VerifiedAttestor,
    workload: &WorkloadName,
) -> Result<VerifiedPeer, ClientError> {
    let party = workload.as_str();
    let mut check = PeerCheck::start(attestor, workload.clone(), &mut random());
    while let Some(ask) = check.next() {
        let answer = carry(http, &ask, party).await?;
        let judged = check.answer(answer.status.as_u16(), &answer.body, clock.now());
        judged.map_err(|source| not_believed(party, source))?;
    }
    check.finish().map_err(|source| not_believed(party, source))
}

/// Whether a peer may have been refused only because the attestor rotated meanwhile.
pub(super) fn attestor_is_stale(error: &ClientError) -> bool {
    let ClientError::NotBelieved { source: HandshakeRefusal::Token(token), .. } = error else {
        return false;
    };
    matches!(token, TokenRefusal::KeyUnknown | TokenRefusal::Policy | TokenRefusal::Measurement)
}

async fn carry(http: &Http, ask: &Ask, peer: &str) -> Result<Answer, ClientError> {
    let party = match ask.to {
        To::Attestor => ATTESTOR,
        To::Peer => peer,
    };
    let method = if ask.method == "GET" { Method::GET } else { Method::POST };
    let path = party_path(party, ask.path);
    let content_type = ask.content_type.unwrap_or_default();
    let answer = http.plain(method, &path, content_type, ask.body.clone()).await;
    let answer = answer.map_err(|source| unreachable(party, source))?;
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(refused(party, answer.status.as_u16(), &answer.body))
    }
}

fn not_believed(party: &str, source: HandshakeRefusal) -> ClientError {
    ClientError::NotBelieved { party: party.to_owned(), source }
}
