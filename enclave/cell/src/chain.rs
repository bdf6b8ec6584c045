//! Who calls: the chain of tokens and proofs that came with a request, verified for a
//! handler. The cell's; the rules are `autoclave_attest::chain`'s. A proof counts once, and
//! what is remembered of a token ends with the attestor's check that it was verified under.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::chain::{self, ChainRefusal, Facts, VerifiedChain};
use autoclave_attest::handshake::VerifiedAttestor;
use autoclave_attest::token::{PASSPORT_AUDIENCE, TokenBook, TokenRefusal};
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::{Cell, Refusal, limits};

impl Cell {
    /// Verifies the chain of a request whose whole body has the digest `body`. `accepted`
    /// are the orders of components that may call: `[[clinic], [clinic, cache]]`.
    pub async fn chain(
        &self,
        request: &Parts,
        body: Digest,
        accepted: &[Vec<WorkloadName>],
    ) -> Result<VerifiedChain, Refusal> {
        let attestor = self.attestor().await?;
        let verified = match self.verify_chain(&attestor, request, body, accepted) {
            Err(ChainRefusal::Link(TokenRefusal::KeyUnknown | TokenRefusal::Policy)) => {
                // The attestor may have rotated its keys or manifest since it was verified.
                let attestor = self.attestor_of_age(limits::ATTESTOR_SECONDS_MIN).await?;
                self.verify_chain(&attestor, request, body, accepted)
            }
            outcome => outcome,
        };
        verified.map_err(refusal)
    }

    fn verify_chain(
        &self,
        attestor: &Arc<VerifiedAttestor>,
        request: &Parts,
        body: Digest,
        accepted: &[Vec<WorkloadName>],
    ) -> Result<VerifiedChain, ChainRefusal> {
        let header = the_header(&request.headers)?;
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        let facts = Facts { method: request.method.as_str(), target, body };
        let (own, now) = (self.thumbprint(), self.now());
        let book = self.callers.under(attestor);
        let checked = chain::check(header, facts, own, &book, accepted, now)?;
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        checked.admit(&mut proofs, now)
    }
}

/// The tokens of callers that were verified under the attestor as it was last checked.
#[derive(Default)]
pub(crate) struct Callers(Mutex<Option<(Arc<VerifiedAttestor>, Arc<TokenBook>)>>);

impl Callers {
    /// The book for this check of the attestor; a new one for a new check.
    fn under(&self, attestor: &Arc<VerifiedAttestor>) -> Arc<TokenBook> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((of, book)) if Arc::ptr_eq(of, attestor) => Arc::clone(book),
            _ => {
                let expected = attestor.expectation(PASSPORT_AUDIENCE);
                let book = Arc::new(TokenBook::new(attestor.keys().clone(), expected));
                *current = Some((Arc::clone(attestor), Arc::clone(&book)));
                book
            }
        }
    }
}

/// The one header; two would let two readers see two chains.
fn the_header(headers: &HeaderMap) -> Result<Option<&str>, ChainRefusal> {
    let mut all = headers.get_all(chain::HEADER).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| ChainRefusal::Malformed),
        (Some(_), Some(_)) => Err(ChainRefusal::Malformed),
    }
}

fn refusal(refusal: ChainRefusal) -> Refusal {
    let (status, title) = match refusal {
        ChainRefusal::Missing => {
            (StatusCode::UNAUTHORIZED, "The request does not say which attested code sends it.")
        }
        ChainRefusal::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, "Too many requests; try again in a while.")
        }
        ChainRefusal::NotAccepted => {
            (StatusCode::FORBIDDEN, "This chain of components is not accepted here.")
        }
        _ => (StatusCode::FORBIDDEN, "The chain of attested components does not verify."),
    };
    let answer = Refusal::new(status, refusal.code(), title);
    match refusal {
        ChainRefusal::Link(token) => answer.caused_by(token.code()),
        _ => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_headers_are_no_chain() {
        let mut headers = HeaderMap::new();
        assert_eq!(the_header(&headers), Ok(None));
        headers.append(chain::HEADER, "one".try_into().unwrap());
        assert_eq!(the_header(&headers), Ok(Some("one")));
        headers.append(chain::HEADER, "two".try_into().unwrap());
        assert_eq!(the_header(&headers), Err(ChainRefusal::Malformed));
    }

    #[test]
    fn the_link_s_own_code_stays_inside() {
        let refusal = refusal(ChainRefusal::Link(TokenRefusal::Expired));
        assert_eq!(refusal.code(), "chain.link_refused");
        assert_eq!(refusal.cause(), Some("token.expired"));
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
    }
}
