//! Staff at work: sign-in with a key of one's own, and requests that prove that key.
//! It belongs to the client; the key lives as long as the session object, unless the caller
//! saves it. A session without its key is worth nothing, and no password is kept.

use std::sync::Arc;

use autoclave_attest::dpop;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Secret, UnixTime};
use http::{HeaderValue, Method, Request, header};
use hyper::body::Bytes;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;
use serde::{Deserialize, Serialize};

use crate::client::{Answer, Client};
use crate::clock::random;
use crate::error::{ClientError, refused};
use crate::saved::SavedSession;

/// Where staff sign in.
const SIGN_IN_PATH: &str = "/auth/sign-in";

/// What a person types to sign in.
#[derive(Serialize)]
pub struct Credentials<'a> {
    /// The account.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The six digits of the moment.
    pub totp: &'a str,
}

/// What a sign-in gives.
#[derive(Deserialize)]
struct SignedIn {
    session: String,
    role: String,
    expires_at: UnixTime,
}

/// A person's key: requests under it carry a proof (`dpop`).
pub struct Prover {
    client: Arc<Client>,
    party: WorkloadName,
    key: SigningKey,
}

/// A signed-in member of staff.
pub struct Session {
    prover: Prover,
    handle: String,
    role: String,
    expires_at: UnixTime,
}

/// A request to a party, before it is proved and sealed.
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The path, without query.
    pub path: String,
    /// The query; the proof does not cover it, the seal does.
    pub query: Option<String>,
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Ask {
    /// A request without header fields and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (path, headers, body) = (path.into(), Vec::new(), Bytes::new());
        Self { method, path, query: None, headers, body }
    }

    /// With a query, `name=value` joined by `&`; nothing where it is empty.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into()).filter(|query| !query.is_empty());
        self
    }

    /// With a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        self.body("application/json", serde_json::to_vec(value).unwrap_or_default())
    }
}

impl Client {
    /// Requests to a party under a key that the caller holds, as administrators make them.
    pub fn prover(self: &Arc<Self>, party: WorkloadName, key: SigningKey) -> Prover {
        Prover { client: Arc::clone(self), party, key }
    }

    /// Signs a member of staff in at a party, with a key made for this session.
    pub async fn sign_in(
        self: &Arc<Self>,
        party: WorkloadName,
        credentials: &Credentials<'_>,
    ) -> Result<Session, ClientError> {
        let prover = self.prover(party, SigningKey::generate_from_rng(&mut random()));
        let ask = Ask::new(Method::POST, SIGN_IN_PATH).json(credentials);
        let answer = prover.send(ask).await?;
        let signed: SignedIn = prover.read(&answer)?;
        let SignedIn { session, role, expires_at } = signed;
        Ok(Session { prover, handle: session, role, expires_at })
    }

    /// Takes up a session that was saved. Nothing is asked of the party: whether it still takes
    /// the session shows at the first request ([`ClientError::is_unauthenticated`]).
    pub fn restore(self: &Arc<Self>, saved: SavedSession) -> Session {
        let SavedSession { party, session, key, role, expires_at } = saved;
        let prover = self.prover(party, key);
        Session { prover, handle: session.expose().clone(), role, expires_at }
    }
}

impl Prover {
    /// Sends a request with a proof of the key; a refusal is an error.
    pub async fn send(&self, ask: Ask) -> Result<Answer, ClientError> {
        self.send_within(ask, None).await
    }

    /// Reads a JSON answer.
    pub fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        let malformed = |_| ClientError::Malformed(self.party.to_string());
        serde_json::from_slice(answer.response.body()).map_err(malformed)
    }

    async fn send_within(&self, ask: Ask, session: Option<&str>) -> Result<Answer, ClientError> {
        let facts = dpop::Facts { method: ask.method.as_str(), path: &ask.path, session };
        let proof = dpop::prove(&self.key, facts, &mut random(), self.client.now());
        let uri = match &ask.query {
            Some(query) => format!("{}?{query}", ask.path),
            None => ask.path.clone(),
        };
        let mut request = Request::builder().method(ask.method).uri(uri);
        request = request.header(dpop::HEADER, proof);
        if let Some(session) = session {
            request = request.header(header::AUTHORIZATION, bearer_of_key(session)?);
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(ask.body);
        let request = request.map_err(|_| ClientError::Request("path or header field"))?;
        let answer = self.client.send(&self.party, request).await?;
        let status = answer.response.status();
        if status.is_success() {
            return Ok(answer);
        }
        Err(refused(self.party.as_str(), status.as_u16(), answer.response.body()))
    }
}

pub(crate) fn bearer_of_key(session: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::try_from(format!("DPoP {session}"))
        .map_err(|_| ClientError::Request("session"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Session {
    /// The role that the account has.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// When the session ends.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// What [`Client::restore`] needs to take this session up again, in this process or in
    /// another: its secrets are inside.
    pub fn saved(&self) -> SavedSession {
        SavedSession {
            party: self.prover.party.clone(),
            session: Secret::new(self.handle.clone()),
            key: self.prover.key.clone(),
            role: self.role.clone(),
            expires_at: self.expires_at,
        }
    }

    /// The connection.
    pub fn client(&self) -> &Arc<Client> {
        &self.prover.client
    }

    /// Sends a request within the session; a refusal is an error.
    pub async fn send(&self, ask: Ask) -> Result<Answer, ClientError> {
        self.prover.send_within(ask, Some(&self.handle)).await
    }

    /// Reads a JSON answer.
    pub fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        self.prover.read(answer)
    }
}
