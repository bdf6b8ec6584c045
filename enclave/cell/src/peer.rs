//! Calling another enclave: verified first, sealed to its key, with this enclave's link on
//! the chain. The cell's. Nothing is sent to a peer whose token does not verify, and no
//! answer is believed that does not open.

use std::sync::Arc;
use std::time::Duration;

use autoclave_attest::chain::{self, Facts, Link, Signer};
use autoclave_attest::handshake::{PeerCheck, To, VerifiedPeer};
use autoclave_attest::jwk::{Jwk, Key};
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, Problem};
use autoclave_seal::request::{self, OpenRefusal, REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE};
use autoclave_seal::{Kem, PublicSealingKey};
use axum::body::{Body, Bytes};
use futures::io::Cursor;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::carrier::{Answer, BaseUrl, CarrierError, Parcel};
use crate::trust::{TrustError, carry};
use crate::{Cell, Refusal, event, limits};

/// A verified peer is believed until so long before its token ends: a request must arrive
/// while it lives.
const EXPIRY_MARGIN_SECONDS: u64 = 30;

/// Pause between two looks at whether a peer is ready.
const READY_PAUSE: Duration = Duration::from_millis(200);

/// Longest wait for a peer that starts at the same time.
const READY_SECONDS_MAX: Duration = Duration::from_mins(2);

/// What a peer says that does not accept a token on the chain.
const LINK_REFUSED: &str = "chain.link_refused";

/// The path of every enclave's sealed door.
const SEALED_PATH: &str = "/sealed";

/// Why a call to a peer failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The peer or the attestor could not be reached, or not in time.
    #[error("the peer could not be reached: {0}")]
    Unreachable(&'static str),
    /// The peer is not the code that it must be.
    #[error("the peer is not believed: {0}")]
    NotBelieved(&'static str),
    /// This enclave has no token to show.
    #[error("this enclave has no token to show")]
    NoToken,
    /// The request cannot be sealed.
    #[error("the request cannot be sealed: {0}")]
    Unsealable(&'static str),
    /// The peer does not hold the key that its token names, also after it was verified
    /// again.
    #[error("the peer does not hold the key that the request was sealed to")]
    KeyUnknown,
    /// The peer refused in the open, before it opened the request. Whoever stands between
    /// can say so as well.
    #[error("refused with status {0} before the request was opened")]
    Outside(StatusCode),
    /// The answer does not open.
    #[error("the answer does not open: {0}")]
    Unopened(&'static str),
    /// The answer comes without its link, or with one that does not hold.
    #[error("the answer's link does not hold: {0}")]
    Unlinked(&'static str),
}

impl PeerError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(code)
            | Self::NotBelieved(code)
            | Self::Unsealable(code)
            | Self::Unopened(code)
            | Self::Unlinked(code) => code,
            Self::NoToken => "cell.no_token",
            Self::KeyUnknown => "seal.key_unknown",
            Self::Outside(_) => "peer.refused_outside",
        }
    }
}

impl From<TrustError> for PeerError {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Carrier(_) => Self::Unreachable(error.code()),
            TrustError::Refused(_) => Self::NotBelieved(error.code()),
        }
    }
}

impl From<CarrierError> for PeerError {
    fn from(error: CarrierError) -> Self {
        Self::Unreachable(error.code())
    }
}

impl From<PeerError> for Refusal {
    fn from(error: PeerError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "peer.failed", "Another enclave did not answer.")
            .caused_by(error.code())
    }
}

/// Another enclave, believed as one workload only.
pub struct Peer {
    cell: Arc<Cell>,
    workload: WorkloadName,
    url: BaseUrl,
    verified: Mutex<Option<Arc<VerifiedPeer>>>,
}

impl Peer {
    pub(crate) fn new(cell: Arc<Cell>, workload: WorkloadName, url: BaseUrl) -> Self {
        Self { cell, workload, url, verified: Mutex::new(None) }
    }

    /// Sends `request` (a path, no host) with the chain `earlier` and this enclave's own
    /// link, and gives the peer's own answer, whatever its status.
    ///
    /// Where the peer has changed its keys, it is verified again and asked once more; so it
    /// is with a new token of this enclave, where the peer does not accept the old one, as
    /// after a change of the attestor's keys or manifest.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        earlier: &[Link],
    ) -> Result<Response<Bytes>, PeerError> {
        Ok(self.exchange(&request, earlier).await?.answer)
    }

    /// As [`Peer::send`], for an answer that goes on to another enclave: with the peer's
    /// link for it, verified, to stand before this enclave's own. There is none where the
    /// answer is not 200.
    pub async fn fetch(
        &self,
        request: Request<Bytes>,
    ) -> Result<(Response<Bytes>, Vec<Link>), PeerError> {
        let Exchanged { peer, answer } = self.exchange(&request, &[]).await?;
        if answer.status() != StatusCode::OK {
            return Ok((answer, Vec::new()));
        }
        let chain = self.cell.answer_chain(&request, &answer, &self.workload).await;
        let chain = chain.map_err(|refusal| PeerError::Unlinked(refusal.code()))?;
        if chain.caller().thumbprint() != peer.thumbprint() {
            return Err(PeerError::Unlinked("chain.order"));
        }
        Ok((answer, chain.links().to_vec()))
    }

    async fn exchange(
        &self,
        request: &Request<Bytes>,
        earlier: &[Link],
    ) -> Result<Exchanged, PeerError> {
        let done = self.send_to_current_key(request, earlier).await?;
        if !refuses_link(&done.answer) || !self.cell.discard_token() {
            return Ok(done);
        }
        event!(INFO, "peer.token_refused", workload = self.workload);
        self.send_to_current_key(request, earlier).await
    }

    async fn send_to_current_key(
        &self,
        request: &Request<Bytes>,
        earlier: &[Link],
    ) -> Result<Exchanged, PeerError> {
        let peer = self.verified(None).await?;
        match self.send_once(&peer, request, earlier).await {
            Err(PeerError::KeyUnknown) => {
                event!(INFO, "peer.key_changed", workload = self.workload);
                let peer = self.verified(Some(&peer)).await?;
                let answer = self.send_once(&peer, request, earlier).await?;
                Ok(Exchanged { peer, answer })
            }
            outcome => Ok(Exchanged { answer: outcome?, peer }),
        }
    }

    /// Waits until the peer says that it is ready, for a role that cannot start without.
    /// What it says is not believed beyond that.
    pub async fn ready(&self) -> Result<(), PeerError> {
        let end = Instant::now() + READY_SECONDS_MAX;
        loop {
            let (method, body) = (Method::GET, Body::empty());
            let look = Parcel { method, path: "/readyz", content_type: None, body };
            let error = match self.cell.carrier().exchange(&self.url, look).await {
                Ok(answer) if answer.status == StatusCode::OK => return Ok(()),
                Ok(answer) => PeerError::Outside(answer.status),
                Err(error) => error.into(),
            };
            if Instant::now() >= end {
                return Err(error);
            }
            sleep(READY_PAUSE).await;
        }
    }

    /// The peer, verified within its token's life, and not `but`, whose keys are gone.
    async fn verified(&self, but: Option<&VerifiedPeer>) -> Result<Arc<VerifiedPeer>, PeerError> {
        // Held while asking, so that many waiting requests make one check.
        let mut verified = self.verified.lock().await;
        let latest = self.cell.now().plus(EXPIRY_MARGIN_SECONDS);
        let usable = |peer: &&Arc<VerifiedPeer>| {
            latest < peer.token().expires()
                && but.is_none_or(|but| but.token().digest() != peer.token().digest())
        };
        if let Some(peer) = verified.as_ref().filter(usable) {
            return Ok(peer.clone());
        }
        let peer = match self.check(limits::ATTESTOR_SECONDS_MAX).await {
            // The attestor may have changed keys or manifest since it was verified.
            Err(PeerError::NotBelieved(_)) => self.check(limits::ATTESTOR_SECONDS_MIN).await?,
            outcome => outcome?,
        };
        Ok(verified.insert(Arc::new(peer)).clone())
    }

    async fn check(&self, attestor_age_max: u64) -> Result<VerifiedPeer, PeerError> {
        let cell = &self.cell;
        let relying = cell.relying().ok_or(PeerError::NoToken)?;
        let attestor = relying.attestor(cell.trust(), cell.clock(), attestor_age_max).await?;
        let mut check = PeerCheck::start(&attestor, self.workload.clone(), &mut cell.rng());
        while let Some(ask) = check.next() {
            let url = match ask.to {
                To::Attestor => relying.url(),
                To::Peer => &self.url,
            };
            let answer = carry(cell.carrier(), url, ask).await?;
            let taken = check.answer(answer.status.as_u16(), &answer.body, cell.now());
            taken.map_err(TrustError::from)?;
        }
        Ok(check.finish().map_err(TrustError::from)?)
    }

    async fn send_once(
        &self,
        peer: &VerifiedPeer,
        request: &Request<Bytes>,
        earlier: &[Link],
    ) -> Result<Response<Bytes>, PeerError> {
        let request = self.linked(peer, request.clone(), earlier).await?;
        let key = sealing_key(peer).ok_or(PeerError::Unsealable("peer.no_sealing_key"))?;
        let (sealed, opener) = request::seal(request.map(Cursor::new), &key, self.cell.now())
            .map_err(|refusal| PeerError::Unsealable(refusal.code()))?;
        let parcel = Parcel {
            method: Method::POST,
            path: SEALED_PATH,
            content_type: Some(REQUEST_MEDIA_TYPE),
            body: Body::from_stream(sealed.into_stream()),
        };
        let answer = sealed_answer(self.cell.carrier().exchange(&self.url, parcel).await?)?;
        let answer = opener.open_bytes(answer, limits::ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|refusal: OpenRefusal| PeerError::Unopened(refusal.code()))?;
        Ok(answer.map(Bytes::from))
    }

    /// The request with the chain: the earlier links, and this enclave's.
    async fn linked(
        &self,
        peer: &VerifiedPeer,
        mut request: Request<Bytes>,
        earlier: &[Link],
    ) -> Result<Request<Bytes>, PeerError> {
        let token = self.cell.token().await.map_err(|_| PeerError::NoToken)?;
        let signer = Signer { token: &token, key: self.cell.signing_key() };
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let body = Digest::of(request.body());
        let facts = Facts { method: request.method().as_str(), target, body };
        let (mut rng, now) = (self.cell.rng(), self.cell.now());
        let links = chain::extend(earlier, signer, peer.thumbprint(), facts, &mut rng, now);
        let header = HeaderValue::try_from(chain::encode(&links))
            .map_err(|_| PeerError::Unsealable("chain.malformed"))?;
        request.headers_mut().insert(chain::HEADER, header);
        Ok(request)
    }
}

/// An answer, and who gave it.
struct Exchanged {
    peer: Arc<VerifiedPeer>,
    answer: Response<Bytes>,
}

/// Whether the peer opened the request and refused a token on its chain.
fn refuses_link(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::FORBIDDEN
        && Problem::parse(answer.body()).is_some_and(|problem| problem.code == LINK_REFUSED)
}

/// The sealed bytes of an answer, or what was said in the open instead.
fn sealed_answer(answer: Answer) -> Result<Bytes, PeerError> {
    let is_sealed =
        answer.content_type.is_some_and(|value| value.as_bytes() == RESPONSE_MEDIA_TYPE.as_bytes());
    if answer.status == StatusCode::OK && is_sealed {
        return Ok(answer.body);
    }
    match Problem::parse(&answer.body) {
        Some(problem) if problem.code == PeerError::KeyUnknown.code() => Err(PeerError::KeyUnknown),
        _ => Err(PeerError::Outside(answer.status)),
    }
}

/// The best key that the peer's token names.
fn sealing_key(peer: &VerifiedPeer) -> Option<PublicSealingKey> {
    let read = |(key_id, jwk): (u8, &Jwk)| match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(key_id, Kem::XWing, bytes).ok(),
        Key::X25519(bytes) => PublicSealingKey::from_parts(key_id, Kem::X25519, bytes).ok(),
        _ => None,
    };
    let keys: Vec<_> = peer.sealing_keys().filter_map(read).collect();
    PublicSealingKey::best(&keys).cloned()
}
