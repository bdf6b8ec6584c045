//! The connection: an attestor that is believed, parties that were verified, sealed requests.
//! It belongs to the integrator.
//! Nothing is sealed to a key that a verified token does not name.

mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use autoclave_attest::handshake::{Trust, VerifiedAttestor, VerifiedPeer};
use autoclave_attest::jwk::{Jwk, Key};
use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_seal::request::{REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, seal};
use autoclave_seal::{Kem, PublicSealingKey};
use futures::TryStreamExt as _;
use futures::io::Cursor;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, BodyStream, Limited};
use hyper::body::{Bytes, Incoming};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::error::{ClientError, refused};
use crate::http::{Http, HttpError};
use autoclave_wire::Network;

/// Where the sealed door is.
const SEALED_PATH: &str = "/sealed";
/// What a party answers when it no longer holds the key.
const KEY_UNKNOWN: &str = "seal.key_unknown";
/// Largest opened answer: a mask and its receipt, generously.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest plain refusal.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;
/// A token that ends sooner is renewed before a request is sealed under it.
const RENEW_SECONDS: u64 = 60;

/// How to connect.
pub struct Options {
    /// The edge: `http://host:port`.
    pub address: String,
    /// Whom to believe; see [`crate::trust`].
    pub trust: Trust,
}

/// A connection to a deployment through its edge.
pub struct Client {
    http: Http,
    clock: Clock,
    trust: Trust,
    known: Mutex<Known>,
}

/// What was verified so far.
struct Known {
    attestor: Arc<VerifiedAttestor>,
    peers: HashMap<WorkloadName, Arc<VerifiedPeer>>,
}

/// An opened answer.
pub struct Answer {
    /// The answer.
    pub response: Response<Vec<u8>>,
    /// The token of the party that gave it.
    pub peer: Arc<VerifiedPeer>,
    /// Whether the party had changed its key, was verified again, and the request sealed anew.
    pub verified_again: bool,
}

/// What came back for one sealed request.
enum Exchange {
    Answered(Response<Vec<u8>>),
    KeyUnknown,
}

impl Client {
    /// Connects to a deployment: verifies its attestor, by evidence and release manifest.
    pub async fn connect(options: Options) -> Result<Self, ClientError> {
        Self::connect_from(&Network::system(), Clock::system(), options).await
    }

    /// As [`Client::connect`], on a network and by a clock that a simulation makes up.
    pub async fn connect_from(
        network: &Network,
        clock: Clock,
        options: Options,
    ) -> Result<Self, ClientError> {
        let address = |source| ClientError::Http { party: "edge".to_owned(), source };
        let http = Http::over(network, &options.address).map_err(address)?;
        let attestor = Arc::new(verify::attestor(&http, &clock, &options.trust).await?);
        let known = Mutex::new(Known { attestor, peers: HashMap::new() });
        Ok(Self { http, clock, trust: options.trust, known })
    }

    /// The attestor that is believed now.
    pub async fn attestor(&self) -> Arc<VerifiedAttestor> {
        Arc::clone(&self.known.lock().await.attestor)
    }

    /// The time by this client's clock.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// What the client starts from.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The transport, for plain documents such as ledgers.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Verifies a party anew: fresh nonce, fresh token, all checks.
    ///
    /// An attestor that has rotated its keys or its manifest is verified again, once.
    pub async fn verify(&self, workload: &WorkloadName) -> Result<Arc<VerifiedPeer>, ClientError> {
        let attestor = self.attestor().await;
        let peer = match verify::peer(&self.http, &self.clock, &attestor, workload).await {
            Err(error) if verify::attestor_is_stale(&error) => {
                let attestor =
                    Arc::new(verify::attestor(&self.http, &self.clock, &self.trust).await?);
                self.known.lock().await.attestor = Arc::clone(&attestor);
                verify::peer(&self.http, &self.clock, &attestor, workload).await?
            }
            outcome => outcome?,
        };
        let peer = Arc::new(peer);
        self.known.lock().await.peers.insert(workload.clone(), Arc::clone(&peer));
        Ok(peer)
    }

    /// Sends a request sealed to a party, verifying it first where that was not done, or not
    /// lately. The path is the party's own.
    ///
    /// If the party answers that it no longer holds the key, it is verified again and the
    /// request is sealed anew, once; [`Answer::verified_again`] says so.
    pub async fn send(
        &self,
        workload: &WorkloadName,
        request: Request<Bytes>,
    ) -> Result<Answer, ClientError> {
        let peer = self.peer(workload, self.now()).await?;
        if let Exchange::Answered(response) = self.exchange(&peer, &request).await? {
            return Ok(Answer { response, peer, verified_again: false });
        }
        let peer = self.verify(workload).await?;
        match self.exchange(&peer, &request).await? {
            Exchange::Answered(response) => Ok(Answer { response, peer, verified_again: true }),
            Exchange::KeyUnknown => Err(ClientError::NoSealingKey(workload.to_string())),
        }
    }

    async fn peer(
        &self,
        workload: &WorkloadName,
        now: UnixTime,
    ) -> Result<Arc<VerifiedPeer>, ClientError> {
        let known = self.known.lock().await.peers.get(workload).cloned();
        match known {
            Some(peer) if peer.token().expires() > now.plus(RENEW_SECONDS) => Ok(peer),
            _ => self.verify(workload).await,
        }
    }

    async fn exchange(
        &self,
        peer: &VerifiedPeer,
        request: &Request<Bytes>,
    ) -> Result<Exchange, ClientError> {
        let party = peer.token().workload().as_str();
        let key = sealing_key(peer).ok_or_else(|| ClientError::NoSealingKey(party.to_owned()))?;
        let (sealed, opening) = seal(request.clone().map(Cursor::new), &key, self.now())?;
        let path = party_path(party, SEALED_PATH);
        let stream = sealed.into_stream();
        let answer = self.http.stream(&path, REQUEST_MEDIA_TYPE, stream).await;
        let answer = answer.map_err(|source| unreachable(party, source))?;
        if !is_sealed(&answer) {
            return plain(party, answer).await;
        }
        let body = BodyStream::new(answer.into_body())
            .try_filter_map(async |frame| Ok(frame.into_data().ok()))
            .map_err(std::io::Error::other)
            .into_async_read();
        let (head, body) = opening.open(body).await?.into_parts();
        let body = body.read_all(ANSWER_BYTES_MAX).await?;
        Ok(Exchange::Answered(Response::from_parts(head, body)))
    }
}

/// A path of a party at the edge.
pub(crate) fn party_path(party: &str, path: &str) -> String {
    format!("/parties/{party}{path}")
}

pub(crate) fn unreachable(party: &str, source: HttpError) -> ClientError {
    ClientError::Http { party: party.to_owned(), source }
}

fn is_sealed(answer: &Response<Incoming>) -> bool {
    let content_type = answer.headers().get(header::CONTENT_TYPE);
    answer.status().is_success() && content_type.is_some_and(|it| it == RESPONSE_MEDIA_TYPE)
}

/// An answer in clear: a refusal of the edge, or of the party before it could open anything.
/// Anybody may have written it, so all that it can cause is one more verification.
async fn plain(party: &str, answer: Response<Incoming>) -> Result<Exchange, ClientError> {
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), PROBLEM_BYTES_MAX).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let error = refused(party, status, &body);
    if error.code() == KEY_UNKNOWN { Ok(Exchange::KeyUnknown) } else { Err(error) }
}

/// The best key of a verified token.
fn sealing_key(peer: &VerifiedPeer) -> Option<PublicSealingKey> {
    let keys: Vec<_> = peer.sealing_keys().filter_map(|(id, jwk)| public_key(id, jwk)).collect();
    PublicSealingKey::best(&keys).cloned()
}

fn public_key(id: u8, jwk: &Jwk) -> Option<PublicSealingKey> {
    match jwk.key() {
        Key::XWing(bytes) => PublicSealingKey::from_parts(id, Kem::XWing, bytes).ok(),
        Key::X25519(bytes) => PublicSealingKey::from_parts(id, Kem::X25519, bytes).ok(),
        _ => None,
    }
}
