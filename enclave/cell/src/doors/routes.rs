//! What a role serves, and where: behind both attested doors, or in the open.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use tower::ServiceExt as _;

use super::observe;
use crate::limits;
use crate::{Cell, Refusal};

const NOT_READY: Refusal = Refusal::unavailable("cell.not_ready", "The enclave is still starting.");

const NO_ROUTE: Refusal = Refusal::not_found("request.no_route", "The enclave has no such route.");
const NO_METHOD: Refusal = Refusal::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "request.no_method",
    "The route does not take this method.",
);

/// A role's routes. A bare `Router` is one behind the attested doors.
#[derive(Debug, Default)]
pub struct Routes {
    attested: Router,
    plain: Router,
    readiness: Readiness,
}

/// What a role says of its own readiness: nothing, or the code of what is not there yet.
#[derive(Clone)]
struct Readiness(Arc<dyn Fn() -> Result<(), &'static str> + Send + Sync>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(|| Ok(())))
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&(self.0)()).finish()
    }
}

impl Routes {
    /// Routes that are reached through the sealed and the direct door only.
    pub fn sealed(attested: Router) -> Self {
        Self { attested, ..Self::default() }
    }

    /// Public routes, whose answers carry their own proof (tokens, manifests, keys).
    pub fn plain(plain: Router) -> Self {
        Self { plain, ..Self::default() }
    }

    /// Readiness is more than that the role was built: the role is asked each time, and says
    /// the code of what is not there yet.
    #[must_use]
    pub fn ready_when(
        mut self,
        look: impl Fn() -> Result<(), &'static str> + Send + Sync + 'static,
    ) -> Self {
        self.readiness = Readiness(Arc::new(look));
        self
    }

    /// Adds public routes.
    #[must_use]
    pub fn with_plain(mut self, plain: Router) -> Self {
        self.plain = plain;
        self
    }
}

impl From<Router> for Routes {
    fn from(attested: Router) -> Self {
        Self::sealed(attested)
    }
}

/// The role's routes as the doors see them: absent until the role was built.
#[derive(Debug, Default)]
pub(crate) struct RoleRoutes(OnceLock<Finished>);

#[derive(Debug)]
struct Finished {
    attested: Router,
    plain: Router,
    direct: Router,
    readiness: Readiness,
}

impl RoleRoutes {
    /// Opens the doors to the role. A second call changes nothing.
    pub(crate) fn open(&self, routes: Routes, cell: &Arc<Cell>) {
        let finish = |router: Router| {
            let json = DefaultBodyLimit::max(limits::JSON_BYTES_MAX);
            router.layer(json).layer(from_fn_with_state(cell.clone(), observe::observe))
        };
        let direct = finish(routes.attested.clone().merge(routes.plain.clone()));
        let (attested, plain) = (finish(routes.attested), finish(routes.plain));
        let readiness = routes.readiness;
        let _already_open = self.0.set(Finished { attested, plain, direct, readiness });
    }

    /// Whether the role was built and has all that it needs; else the code of what lacks.
    pub(crate) fn ready(&self) -> Result<(), &'static str> {
        let finished = self.0.get().ok_or("cell.not_ready")?;
        (finished.readiness.0)()
    }

    /// Hands a request that came through the sealed door to its handler.
    pub(super) async fn attested(&self, request: Request) -> Response {
        self.answer(request, |finished| &finished.attested).await
    }

    /// Hands a request from the open to its handler.
    pub(super) async fn plain(&self, request: Request) -> Response {
        self.answer(request, |finished| &finished.plain).await
    }

    /// Hands a request that came through the direct door to its handler.
    pub(super) async fn direct(&self, request: Request) -> Response {
        self.answer(request, |finished| &finished.direct).await
    }

    async fn answer(&self, request: Request, which: fn(&Finished) -> &Router) -> Response {
        match self.0.get() {
            Some(finished) => into_response(which(finished).clone().oneshot(request).await),
            None => NOT_READY.into_response(),
        }
    }
}

fn into_response(answer: Result<Response, std::convert::Infallible>) -> Response {
    explained(answer.unwrap_or_else(|never| match never {}))
}

/// The router says "no such route" and "no such method" by a status alone.
fn explained(response: Response) -> Response {
    let is_bare = response.body().size_hint().exact() == Some(0);
    match response.status() {
        StatusCode::NOT_FOUND if is_bare => NO_ROUTE.into_response(),
        StatusCode::METHOD_NOT_ALLOWED if is_bare => NO_METHOD.into_response(),
        _ => response,
    }
}
