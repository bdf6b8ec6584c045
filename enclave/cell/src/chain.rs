//! Who calls: the chain of tokens and proofs that came with a request, verified for a
//! handler. The cell's; the rules are `autoclave_attest::chain`'s. A proof counts once, and
//! what is remembered of a token ends with the attestor's check that it was verified under.

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_attest::chain::{self, ChainRefusal, Facts, Signer, VerifiedChain};
use autoclave_attest::handshake::VerifiedAttestor;
use autoclave_attest::jwk::Thumbprint;
use autoclave_attest::token::{PASSPORT_AUDIENCE, TokenBook, TokenRefusal};
use autoclave_base::Digest;
use autoclave_base::ids::WorkloadName;
use axum::body::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

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
        let header = the_header(&request.headers, chain::HEADER).map_err(refusal)?;
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        let facts = Facts { method: request.method.as_str(), target, body };
        self.chain_about(header, facts, accepted).await.map_err(Unverified::into_refusal)
    }

    /// The header with this enclave's link for an answer with the body `answer`, for a
    /// caller who will pass it on: `recipient` is the caller's key.
    pub async fn answer_link(
        &self,
        request: &Parts,
        recipient: Thumbprint,
        answer: &[u8],
    ) -> Result<HeaderValue, Refusal> {
        let token = self.token().await?;
        let signer = Signer { token: &token, key: self.signing_key() };
        let method = chain::answer_method(request.method.as_str());
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        let facts = Facts { method: &method, target, body: Digest::of(answer) };
        let links = chain::extend(&[], signer, recipient, facts, &mut self.rng(), self.now());
        let header = HeaderValue::try_from(chain::encode(&links));
        header.map_err(|_| Refusal::internal("chain.malformed"))
    }

    /// Verifies the link that came with an answer of `workload` to this enclave's request.
    pub(crate) async fn answer_chain(
        &self,
        request: &Request<Bytes>,
        answer: &Response<Bytes>,
        workload: &WorkloadName,
    ) -> Result<VerifiedChain, Unverified> {
        let header = the_header(answer.headers(), chain::ANSWER_HEADER)?;
        let method = chain::answer_method(request.method().as_str());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let facts = Facts { method: &method, target, body: Digest::of(answer.body()) };
        self.chain_about(header, facts, &[vec![workload.clone()]]).await
    }

    async fn chain_about(
        &self,
        header: Option<&str>,
        facts: Facts<'_>,
        accepted: &[Vec<WorkloadName>],
    ) -> Result<VerifiedChain, Unverified> {
        let attestor = self.attestor().await?;
        let verified = match self.verify_chain(&attestor, header, facts, accepted) {
            Err(ChainRefusal::Link(TokenRefusal::KeyUnknown | TokenRefusal::Policy)) => {
                // The attestor may have rotated its keys or manifest since it was verified.
                let attestor = self.attestor_of_age(limits::ATTESTOR_SECONDS_MIN).await?;
                self.verify_chain(&attestor, header, facts, accepted)
            }
            outcome => outcome,
        };
        Ok(verified?)
    }

    fn verify_chain(
        &self,
        attestor: &Arc<VerifiedAttestor>,
        header: Option<&str>,
        facts: Facts<'_>,
        accepted: &[Vec<WorkloadName>],
    ) -> Result<VerifiedChain, ChainRefusal> {
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

/// Why there is no chain: it does not hold, or the attestor cannot be asked.
pub(crate) enum Unverified {
    Chain(ChainRefusal),
    Attestor(Refusal),
}

impl From<ChainRefusal> for Unverified {
    fn from(refusal: ChainRefusal) -> Self {
        Self::Chain(refusal)
    }
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self::Attestor(refusal)
    }
}

impl Unverified {
    fn into_refusal(self) -> Refusal {
        match self {
            Self::Chain(chain) => refusal(chain),
            Self::Attestor(refusal) => refusal,
        }
    }

    /// The stable code, inside.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Chain(refusal) => refusal.code(),
            Self::Attestor(_) => "cell.no_attestor",
        }
    }
}

/// The one header; two would let two readers see two chains.
fn the_header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ChainRefusal> {
    let mut all = headers.get_all(name).iter();
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
        assert_eq!(the_header(&headers, chain::HEADER), Ok(None));
        headers.append(chain::HEADER, "one".try_into().unwrap());
        assert_eq!(the_header(&headers, chain::HEADER), Ok(Some("one")));
        headers.append(chain::HEADER, "two".try_into().unwrap());
        assert_eq!(the_header(&headers, chain::HEADER), Err(ChainRefusal::Malformed));
    }

    #[test]
    fn the_link_s_own_code_stays_inside() {
        let refusal = refusal(ChainRefusal::Link(TokenRefusal::Expired));
        assert_eq!(refusal.code(), "chain.link_refused");
        assert_eq!(refusal.cause(), Some("token.expired"));
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
    }
}
