//! The relay: passes a request on to a party and the answer back, both as they come.
//! It belongs to the edge.
//! Only the headers named here pass, in either direction, and a body is never held; those of
//! protocols that others defined pass on their routes alone.

use std::sync::Arc;
use std::time::Duration;

use autoclave_wire::{Connector, Network};
use http::header::{self, HeaderName};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::body::{BodyEnded, Tally, Watched};
use crate::config::Limits;
use crate::problem::Problem;
use crate::route::{PartyRoute, SEALED_BYTES_MAX};

/// Parties are near; one that takes longer to accept is down.
const CONNECT_MS: u64 = 3_000;
/// Idle connections kept for each party.
const IDLE_PER_PARTY_MAX: usize = 64;

const REQUEST_HEADERS: &[HeaderName] = &[header::CONTENT_TYPE, header::ACCEPT];
const RESPONSE_HEADERS: &[HeaderName] =
    &[header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CACHE_CONTROL, header::RETRY_AFTER];

/// Clients of other protocols sign in by a header, and keep a session in a cookie.
const FOREIGN_REQUEST_HEADERS: &[HeaderName] = &[header::AUTHORIZATION, header::COOKIE];
static FOREIGN_RESPONSE_HEADERS: [HeaderName; 4] = [
    header::LOCATION,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-ms-error-code"),
];

/// Connections to the parties.
pub(crate) struct Relay {
    client: Client<Connector, Watched<Incoming>>,
    limits: Limits,
}

/// A request that was passed on: its answer, or why there is none.
pub(crate) struct Relayed {
    pub(crate) answer: Result<Response<Watched<Incoming>>, Problem>,
    pub(crate) received: Arc<Tally>,
}

impl Relay {
    pub(crate) fn new(limits: Limits, network: &Network) -> Self {
        let connector = network.connector(Duration::from_millis(CONNECT_MS));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_PARTY_MAX)
            .build(connector);
        Self { client, limits }
    }

    /// Passes a request on.
    pub(crate) async fn pass(
        &self,
        upstream: &Authority,
        route: &PartyRoute<'_>,
        request: Request<Incoming>,
    ) -> Relayed {
        let (parts, body) = request.into_parts();
        let declared = body.size_hint().lower();
        let body = Watched::new(body, route.body_bytes_max, self.limits.stall());
        let received = body.tally();
        if declared > route.body_bytes_max {
            return Relayed { answer: Err(Problem::BodyTooLarge), received };
        }
        let answer = match outward(upstream, route, &parts, body) {
            Some(outward) => self.exchange(outward, route, &received).await,
            None => Err(Problem::RouteUnknown),
        };
        Relayed { answer, received }
    }

    async fn exchange(
        &self,
        request: Request<Watched<Incoming>>,
        route: &PartyRoute<'_>,
        received: &Tally,
    ) -> Result<Response<Watched<Incoming>>, Problem> {
        match timeout(self.limits.answer(), self.client.request(request)).await {
            Err(_) => Err(Problem::UpstreamSilent),
            Ok(Err(_)) => Err(blame(received)),
            Ok(Ok(response)) => Ok(inward(response, route, self.limits.answer())),
        }
    }
}

/// Who broke the exchange: the request's body, or the party.
fn blame(received: &Tally) -> Problem {
    match received.ended() {
        Some(BodyEnded::TooLarge) => Problem::BodyTooLarge,
        Some(BodyEnded::Stalled) => Problem::BodyStalled,
        Some(BodyEnded::Broken) => Problem::BodyBroken,
        None => Problem::UpstreamUnreachable,
    }
}

fn outward(
    upstream: &Authority,
    route: &PartyRoute<'_>,
    parts: &http::request::Parts,
    body: Watched<Incoming>,
) -> Option<Request<Watched<Incoming>>> {
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(PathAndQuery::try_from(route.target(parts.uri.query())).ok()?)
        .build()
        .ok()?;
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    copy(&parts.headers, request.headers_mut(), REQUEST_HEADERS);
    if route.foreign.is_some() {
        copy(&parts.headers, request.headers_mut(), FOREIGN_REQUEST_HEADERS);
    }
    Some(request)
}

fn inward(
    response: Response<Incoming>,
    route: &PartyRoute<'_>,
    stall: Duration,
) -> Response<Watched<Incoming>> {
    let (parts, body) = response.into_parts();
    let mut response = Response::new(Watched::new(body, SEALED_BYTES_MAX, stall));
    *response.status_mut() = parts.status;
    copy(&parts.headers, response.headers_mut(), RESPONSE_HEADERS);
    if route.foreign.is_some() {
        copy(&parts.headers, response.headers_mut(), &FOREIGN_RESPONSE_HEADERS);
    }
    response
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, allowed: &[HeaderName]) {
    for name in allowed {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
