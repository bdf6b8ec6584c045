//! A verified connection to the clinic's FHIR server, by its attested TLS door.
//! It belongs to the command line.
//! The other end of each connection proves the very key that the clinic's verified token names;
//! no certificate authority is asked, and nothing is sent before.

mod channel;

use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::UnixTime;
use autoclave_client::Client;
use autoclave_client::clock::now;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use tokio::sync::Mutex as Lane;

use self::channel::{Channel, Door};
use super::grant::Application;
use crate::cli::Connection;
use crate::commands::connect::{clinic, connect};
use crate::deploy::seed::failure;
use crate::failure::{Failure, Outcome};

/// A token that ends sooner is not used for another request.
const LEFT_SECONDS_MIN: u64 = 30;
/// Idle connections that are kept: more serve nobody on one machine.
const IDLE_MAX: usize = 32;
/// The media type of FHIR as JSON.
const FHIR_JSON: &str = "application/fhir+json";

/// A body on its way to the clinic.
pub(super) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// The clinic's FHIR server, verified, with a token that renews itself.
pub struct Link {
    client: Arc<Client>,
    application: Application,
    scope: String,
    door: Lane<Option<Arc<Door>>>,
    idle: Mutex<Vec<Channel>>,
    token: Lane<Option<(String, UnixTime)>>,
}

#[derive(Deserialize)]
struct Answered {
    access_token: String,
    expires_in: u64,
}

impl Link {
    /// Connects as the client's folder says, for all that the client is registered for.
    pub async fn open(connection: &Connection) -> Outcome<Self> {
        Self::open_with(connection, "system/*.cruds").await
    }

    /// As [`Link::open`], for some scopes.
    pub(super) async fn open_with(connection: &Connection, scope: &str) -> Outcome<Self> {
        let application = Application::open(&connection.client)?;
        Ok(Self {
            client: connect(connection).await?,
            application,
            scope: scope.to_owned(),
            door: Lane::new(None),
            idle: Mutex::default(),
            token: Lane::new(None),
        })
    }

    /// The server's base: which clinic it is.
    pub fn address(&self) -> &str {
        &self.application.settings.base
    }

    /// A token that is good for a while.
    pub async fn token(&self) -> Outcome<String> {
        let mut kept = self.token.lock().await;
        let lasts = |end: &UnixTime| now().plus(LEFT_SECONDS_MIN) < *end;
        if let Some((token, _)) = kept.as_ref().filter(|(_, end)| lasts(end)) {
            return Ok(token.clone());
        }
        let asked = now();
        let form = self.application.form(&self.scope, asked);
        let request = Request::post("/auth/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(whole(form.into()))
            .map_err(|error| unsendable(&error))?;
        let (status, body) = read(self.exchange(request).await?).await?;
        let answered: Result<Answered, _> = serde_json::from_slice(&body);
        let Ok(answered) = answered else {
            let said = String::from_utf8_lossy(&body);
            return Err(Failure::new("fhir.no_token", format!("{status}: {said}")));
        };
        let end = asked.plus(answered.expires_in);
        *kept = Some((answered.access_token.clone(), end));
        Ok(answered.access_token)
    }

    /// Sends a request to a path below the base (empty: the base itself), and reads the answer:
    /// its status and its body. A clinic that started anew knows no token from before: where
    /// it refuses ours, it is asked for another one, once.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Outcome<(u16, Vec<u8>)> {
        let (status, answer) = self.send_once(method.clone(), path, body).await?;
        if status != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok((status, answer));
        }
        self.send_once(method, path, body).await
    }

    async fn send_once(
        &self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Outcome<(u16, Vec<u8>)> {
        let at = if path.is_empty() { "/fhir".to_owned() } else { format!("/fhir/{path}") };
        let mut request = Request::builder().method(method).uri(at);
        request = request.header(header::ACCEPT, FHIR_JSON);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, FHIR_JSON);
        }
        let body = Bytes::copy_from_slice(body.unwrap_or_default());
        let request = request.body(whole(body)).map_err(|error| unsendable(&error))?;
        read(self.forward(request).await?).await
    }

    /// Sends a request of somebody else's with a token of ours.
    pub(super) async fn forward(&self, mut request: Request<Body>) -> Outcome<Response<Incoming>> {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token().await?));
        let bearer = bearer.map_err(|error| unsendable(&error))?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let response = self.exchange(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // It cannot be sent again; the next one goes with another token.
            *self.token.lock().await = None;
        }
        Ok(response)
    }

    async fn exchange(&self, mut request: Request<Body>) -> Outcome<Response<Incoming>> {
        let host = self.address().trim_start_matches("https://");
        let host = HeaderValue::from_str(host).map_err(|error| unsendable(&error))?;
        request.headers_mut().insert(header::HOST, host);
        let mut channel = self.channel().await?;
        let response = channel.send(request).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(channel);
        }
        Ok(response)
    }

    /// A connection that is ready, or a new one. A clinic that started anew has another key: it
    /// is verified once more.
    async fn channel(&self) -> Outcome<Channel> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut channel) = kept else { break };
            if channel.ready().await {
                return Ok(channel);
            }
        }
        let mut door = self.door.lock().await;
        if let Some(known) = &*door
            && let Ok(channel) = known.enter().await
        {
            return Ok(channel);
        }
        let verified = self.client.verify(&clinic().map_err(failure)?).await.map_err(failure)?;
        let fresh = Arc::new(Door::new(self.address(), verified.token())?);
        let channel = fresh.enter().await?;
        *door = Some(fresh);
        Ok(channel)
    }
}

/// A body that is there as a whole.
fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

async fn read(response: Response<Incoming>) -> Outcome<(u16, Vec<u8>)> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| Failure::new("fhir.broken", error))?;
    Ok((status, body.to_bytes().to_vec()))
}

fn unsendable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("fhir.request", error)
}
