//! The front: decides what becomes of a request and writes its line in the log.
//! It belongs to the edge.
//! It never decides by what a body says.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use autoclave_wire::Network;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
use tokio::time::Instant;

use crate::body::{BodyEnded, Watched};
use crate::config::Config;
use crate::log::{Line, known_content_type};
use crate::page::Page;
use crate::problem::Problem;
use crate::rate::Buckets;
use crate::relay::Relay;
use crate::route::{self, PartyRoute, Target};

/// Everything that answers a request.
pub(crate) struct Front {
    config: Config,
    page: Page,
    relay: Relay,
    buckets: Mutex<Buckets>,
}

type Inner = UnsyncBoxBody<Bytes, BodyEnded>;

/// An answer before its line is attached.
struct Draft {
    response: Response<Inner>,
    line: Line,
}

impl Front {
    pub(crate) fn new(config: Config, page: Page, network: &Network) -> Self {
        let limits = config.limits;
        let buckets = Buckets::new(limits.requests_per_second, limits.burst_requests);
        Self { config, page, relay: Relay::new(limits, network), buckets: Mutex::new(buckets) }
    }

    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        from: IpAddr,
    ) -> Response<AnswerBody> {
        let begun = Instant::now();
        let content_type = known_content_type(request.headers());
        let mut draft = match self.admit(from, begun) {
            Ok(()) => self.dispatch(request).await,
            Err(problem) => self.refuse(problem, "limit"),
        };
        draft.line.begun = begun;
        draft.line.content_type = content_type;
        draft.line.status = draft.response.status().as_u16();
        let line = draft.line;
        let mut response = draft.response.map(|inner| AnswerBody { inner, _line: line });
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    }

    fn admit(&self, from: IpAddr, now: Instant) -> Result<(), Problem> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.admit(from, now) {
            return Ok(());
        }
        Err(Problem::TooManyRequests { retry_seconds: buckets.retry_seconds() })
    }

    async fn dispatch(&self, request: Request<Incoming>) -> Draft {
        let path = request.uri().path().to_owned();
        match route::parse(request.method(), &path) {
            None => self.refuse(Problem::RouteUnknown, "none"),
            Some(Target::Page) => self.own_or_unknown("/", Page::index()),
            Some(Target::Asset(name)) => self.own_or_unknown("/assets/{name}", Page::asset(name)),
            Some(Target::Trust) => self.own_or_unknown("/trust.json", self.page.trust()),
            Some(Target::Contact) => self.own_or_unknown("/contact.json", self.page.contact()),
            Some(Target::Health) => self.own("/healthz", Page::health()),
            Some(Target::Party(route)) => self.relay(request, &route).await,
        }
    }

    async fn relay(&self, request: Request<Incoming>, route: &PartyRoute<'_>) -> Draft {
        let Some(upstream) = self.config.parties.get(route.party) else {
            return self.refuse(Problem::PartyUnknown, route.template);
        };
        let relayed = self.relay.pass(upstream.authority(), route, request).await;
        let mut draft = match relayed.answer {
            Ok(response) => watched(response, route.template),
            Err(problem) => self.refuse(problem, route.template),
        };
        route.party.clone_into(&mut draft.line.party);
        draft.line.received = Some(relayed.received);
        draft
    }

    fn refuse(&self, problem: Problem, route: &'static str) -> Draft {
        let mut draft = self.own(route, problem.answer());
        draft.line.code = problem.code();
        draft
    }

    fn own_or_unknown(&self, route: &'static str, response: Option<Response<Bytes>>) -> Draft {
        match response {
            Some(response) => self.own(route, response),
            None => self.refuse(Problem::RouteUnknown, route),
        }
    }

    fn own(&self, route: &'static str, response: Response<Bytes>) -> Draft {
        let stall: Duration = self.config.limits.stall();
        let body = |bytes: Bytes| Watched::new(Full::new(bytes), u64::MAX, stall);
        watched(response.map(body), route)
    }
}

fn watched<B>(response: Response<Watched<B>>, route: &'static str) -> Draft
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    let line = Line {
        route,
        party: String::new(),
        content_type: "none",
        status: 0,
        code: "",
        received: None,
        sent: response.body().tally(),
        begun: Instant::now(),
    };
    Draft { response: response.map(BodyExt::boxed_unsync), line }
}

/// An answer's body; its line is written when it is dropped.
pub(crate) struct AnswerBody {
    inner: Inner,
    _line: Line,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyEnded>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Shared by all connections.
pub(crate) type SharedFront = Arc<Front>;
