//! The cache enclave as its callers see it: verified before the first byte, reached sealed,
//! and where a value goes on, a link of the chain. The cell's, so that both sides agree on
//! the routes. Nothing is sent to a cache whose token does not verify.

use autoclave_attest::chain::Link;
use autoclave_base::{Digest, UnixTime};
use axum::body::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::Away;
use crate::Peer;

/// How long a value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Since when.
    pub now: UnixTime,
    /// How long.
    pub seconds: u64,
}

impl Lifetime {
    /// Its end.
    pub fn end(self) -> UnixTime {
        self.now.plus(self.seconds)
    }
}

/// A cache enclave.
pub(super) struct Attested {
    peer: Peer,
}

impl Attested {
    pub(super) const fn new(peer: Peer) -> Self {
        Self { peer }
    }

    pub(super) async fn get(&self, key: &Digest) -> Result<Option<Bytes>, Away> {
        let request = request(Method::GET, key, "", Bytes::new())?;
        value(self.peer.send(request, &[]).await.map_err(|error| Away(error.code()))?)
    }

    /// As `get`, with the cache's link for what it answers.
    pub(super) async fn fetch(&self, key: &Digest) -> Result<Option<(Bytes, Vec<Link>)>, Away> {
        let request = request(Method::GET, key, "?link=true", Bytes::new())?;
        let (answer, links) = self.peer.fetch(request).await.map_err(|error| Away(error.code()))?;
        Ok(value(answer)?.map(|bytes| (bytes, links)))
    }

    pub(super) async fn put(
        &self,
        key: &Digest,
        sealed: Bytes,
        life: Lifetime,
    ) -> Result<(), Away> {
        let request = request(Method::PUT, key, &format!("?seconds={}", life.seconds), sealed)?;
        self.done(request).await
    }

    pub(super) async fn remove(&self, key: &Digest) -> Result<(), Away> {
        self.done(request(Method::DELETE, key, "", Bytes::new())?).await
    }

    async fn done(&self, request: Request<Bytes>) -> Result<(), Away> {
        let answer = self.peer.send(request, &[]).await.map_err(|error| Away(error.code()))?;
        if answer.status().is_success() { Ok(()) } else { Err(Away("cache.refused")) }
    }
}

fn request(method: Method, key: &Digest, query: &str, body: Bytes) -> Result<Request<Bytes>, Away> {
    let request = Request::builder().method(method).uri(format!("/values/{}{query}", key.hex()));
    request.body(body).map_err(|_| Away("cache.request"))
}

fn value(answer: Response<Bytes>) -> Result<Option<Bytes>, Away> {
    match answer.status() {
        StatusCode::OK => Ok(Some(answer.into_body())),
        StatusCode::NOT_FOUND => Ok(None),
        _ => Err(Away("cache.refused")),
    }
}
