//! The deployment as an attacker reaches it, and what it answers.
//! It belongs to the probe, which has the trust file and an account as any client may.
//! It hands on only statuses and codes.

use std::sync::Arc;

use autoclave_attest::handshake::VerifiedPeer;
use autoclave_base::ids::WorkloadName;
use autoclave_client::clock::random;
use autoclave_client::http::{Answer, Http};
use autoclave_client::{Bytes, Client, ClientError, Options, Session, trust};
use autoclave_seal::PublicSealingKey;
use autoclave_seal::request::{REQUEST_MEDIA_TYPE, RESPONSE_MEDIA_TYPE, ResponseOpener};
use http::{Method, Request};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::cli::Connection;
use crate::cli::watch::Probe;
use crate::commands::connect;
use crate::failure::{Failure, Outcome};

/// Characters of an answer that is no problem document.
const SAID_CHARS: usize = 60;
/// Largest answer that is opened.
const OPENED_BYTES_MAX: usize = 1024 * 1024;

/// What an attack brought about, or why it could not be tried.
pub(super) type Tried = Result<Reply, String>;

/// An answer to an attack.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The code of the refusal, or what was said instead.
    pub(super) code: String,
    /// Whether it was let in.
    pub(super) through: bool,
}

impl Reply {
    pub(super) fn of(status: u16, body: &[u8]) -> Self {
        let through = (200..300).contains(&status);
        Self { status, code: code(body).unwrap_or_else(|| format!("status {status}")), through }
    }

    /// Refused before there was an answer, as by a closed connection.
    pub(super) fn closed(code: &str) -> Self {
        Self { status: 0, code: code.to_owned(), through: false }
    }
}

/// Our problems have `code`, those of `KServe` and Azure `error`.
fn code(body: &[u8]) -> Option<String> {
    let text = || {
        let text: String = String::from_utf8_lossy(body).chars().take(SAID_CHARS).collect();
        let text = text.replace(char::is_control, " ").trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return text() };
    let at = |path: &str| Some(value.pointer(path)?.as_str()?.to_owned());
    at("/code").or_else(|| at("/error/code")).or_else(|| at("/error")).or_else(text)
}

/// A deployment.
pub(super) struct Site {
    address: String,
    pub(super) http: Http,
    client: Result<Arc<Client>, String>,
    connection: Connection,
    session: OnceCell<Result<Arc<Session>, String>>,
    /// The attacker's own key.
    pub(super) key: SigningKey,
}

impl Site {
    /// Those that the command names.
    pub(super) async fn all(probe: &Probe) -> Outcome<Vec<Self>> {
        let mut addresses = probe.urls.clone();
        if addresses.is_empty() {
            addresses.push(connect::address(&probe.connection)?);
        }
        let mut sites = Vec::new();
        for address in addresses {
            sites.push(Self::open(address, &probe.connection).await?);
        }
        Ok(sites)
    }

    async fn open(address: String, given: &Connection) -> Outcome<Self> {
        let address = address.trim_end_matches('/').to_owned();
        let http = Http::new(&address).map_err(|error| Failure::new(error.code(), error))?;
        let reachable = http.get("/healthz").await;
        reachable.map_err(|error| Failure::new(error.code(), format!("{address}: {error}")))?;
        let connection = Connection {
            client: given.client.clone(),
            address: Some(address.clone()),
            trust: given.trust.clone(),
        };
        let client = client(&connection).await;
        let key = SigningKey::generate_from_rng(&mut random());
        Ok(Self { address, http, client, connection, session: OnceCell::new(), key })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The verified connection; without a trust file nothing sealed can be tried.
    pub(super) fn client(&self) -> Result<&Arc<Client>, String> {
        self.client.as_ref().map_err(Clone::clone)
    }

    /// A session of the account in the client's folder, signed in once.
    pub(super) async fn session(&self) -> Result<Arc<Session>, String> {
        let signing_in = async {
            let account = connect::account(&self.connection).map_err(|it| it.to_string())?;
            let session = connect::sign_in(self.client()?, &account).await;
            session.map(Arc::new).map_err(|failure| failure.to_string())
        };
        self.session.get_or_init(|| signing_in).await.clone()
    }

    /// A party, verified.
    pub(super) async fn peer(&self, party: &str) -> Result<Arc<VerifiedPeer>, String> {
        let workload = WorkloadName::parse(party).map_err(|error| error.to_string())?;
        self.client()?.verify(&workload).await.map_err(|error| error.to_string())
    }

    /// A plain request to a path of the edge.
    pub(super) async fn plain(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let answer = self.http.plain(method, path, kind, body).await;
        answer.map_err(|error| format!("no answer: {error}"))
    }

    /// JSON to a plain route of a party.
    pub(super) async fn json(&self, party: &str, path: &str, value: &Value) -> Tried {
        let path = format!("/parties/{party}{path}");
        let body = value.to_string();
        let answer = self.plain(Method::POST, &path, "application/json", body).await?;
        Ok(Reply::of(answer.status.as_u16(), &answer.body))
    }

    /// JSON from a plain route of a party that must answer.
    pub(super) async fn ask(
        &self,
        party: &str,
        path: &str,
        value: &Value,
    ) -> Result<Value, String> {
        let path = format!("/parties/{party}{path}");
        let body = value.to_string();
        let answer = self.plain(Method::POST, &path, "application/json", body).await?;
        if !answer.status.is_success() {
            return Err(format!("{party} did not answer as it should: {}", answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
    }

    /// A request through the sealed door, as any client may send it.
    pub(super) async fn sealed(&self, party: &str, request: Request<Bytes>) -> Tried {
        let workload = WorkloadName::parse(party).map_err(|error| error.to_string())?;
        match self.client()?.send(&workload, request).await {
            Ok(answer) => {
                let status = answer.response.status().as_u16();
                Ok(Reply::of(status, answer.response.body()))
            }
            Err(error) => refusal(&error),
        }
    }

    /// Sealed bytes as they are; the answer is opened where it is sealed.
    pub(super) async fn raw(&self, party: &str, sealed: Vec<u8>, opener: ResponseOpener) -> Tried {
        let path = format!("/parties/{party}/sealed");
        let answer = self.plain(Method::POST, &path, REQUEST_MEDIA_TYPE, sealed).await?;
        if !answer.status.is_success() {
            return Ok(Reply::of(answer.status.as_u16(), &answer.body));
        }
        match opener.open_bytes(answer.body.to_vec(), OPENED_BYTES_MAX).await {
            Ok(inner) => Ok(Reply::of(inner.status().as_u16(), inner.body())),
            Err(refusal) => {
                Ok(Reply::closed(&format!("{RESPONSE_MEDIA_TYPE}: {}", refusal.code())))
            }
        }
    }

    /// The best sealing key of a party.
    pub(super) async fn sealing_key(&self, party: &str) -> Result<PublicSealingKey, String> {
        let peer = self.peer(party).await?;
        let keys: Vec<_> = peer
            .sealing_keys()
            .filter_map(|(id, jwk)| match jwk.key() {
                autoclave_attest::jwk::Key::XWing(bytes) => {
                    PublicSealingKey::from_parts(id, autoclave_seal::Kem::XWing, bytes).ok()
                }
                _ => None,
            })
            .collect();
        PublicSealingKey::best(&keys).cloned().ok_or_else(|| "no X-Wing key".to_owned())
    }
}

async fn client(connection: &Connection) -> Result<Arc<Client>, String> {
    let file = connection.trust.clone();
    let file = file.unwrap_or_else(|| connection.client.join("trust.json"));
    let trust = trust::read(&file).map_err(|error| format!("no trust file: {error}"))?;
    let address = connection.address.clone().unwrap_or_default();
    let client = Client::connect(Options { address, trust }).await;
    client.map(Arc::new).map_err(|error| format!("the attestor is not believed: {error}"))
}

/// A refusal of the party's; anything else is no answer to the attack.
pub(super) fn refusal(error: &ClientError) -> Tried {
    match error {
        ClientError::Refused { problem, .. } => {
            let (status, code) = (problem.status, problem.code.to_string());
            Ok(Reply { status, code, through: false })
        }
        ClientError::Status { status, .. } => Ok(Reply::of(*status, b"")),
        error => Err(error.to_string()),
    }
}
