//! The routes of the diagnosis enclave, the same behind both doors.
//! Each POST first establishes by its chain which attested code asks; the GET routes tell
//! names and shapes only.
//! No handler sends an answer that is not [`Signed`](crate::answer::Signed).

mod body;
mod image;
mod infer;
mod info;
mod refusal;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_attest::chain::VerifiedChain;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, jcs};
use autoclave_cell::{Cell, Refusal, limits};
use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http::request::Parts;

use self::body::{Budget, Held};
use self::refusal::{not_ready, refusal};
use crate::answer::{Circumstances, Computed, Signed};
use crate::engine::Runtime;
use crate::model::Resident;
use crate::pool::{Place, Pool};
use crate::shelf::{Shelf, ShelfRefusal};

/// What the handlers share.
pub(crate) struct Service {
    cell: Arc<Cell>,
    shelf: Arc<Shelf>,
    engine: String,
    callers: Vec<Vec<WorkloadName>>,
    policy: Digest,
    pool: Pool,
    budget: Budget,
}

impl Service {
    /// Answers with the models of `shelf` whom `callers` names. The policy that receipts
    /// name is the canonical JSON of `callers`.
    pub(crate) fn new(
        cell: Arc<Cell>,
        shelf: Arc<Shelf>,
        runtime: &Runtime,
        callers: Vec<Vec<WorkloadName>>,
    ) -> Self {
        let names: Vec<Vec<&str>> =
            callers.iter().map(|chain| chain.iter().map(WorkloadName::as_str).collect()).collect();
        let policy = jcs::digest(&names).unwrap_or_else(|_| Digest::of(""));
        let (pool, engine) = (Pool::new(cell.machine(), runtime.runs()), runtime.label());
        Self { cell, shelf, engine, callers, policy, pool, budget: Budget::default() }
    }

    fn find(&self, model: &str, version: Option<&str>) -> Result<Arc<Resident>, Refusal> {
        self.shelf.find(model, version, self.cell.now()).map_err(|unfit| match unfit {
            ShelfRefusal::Unknown => refusal(unfit.code()),
            ShelfRefusal::NotReady(code) => not_ready(code),
        })
    }

    /// Reads the request and establishes who asks. Nothing of the body is looked at before.
    async fn admit(&self, request: Request) -> Result<Admitted, Refusal> {
        let place = self.pool.enter().map_err(|full| refusal(full.code()))?;
        let (parts, body) = request.into_parts();
        let body = self.budget.read(body).await?;
        let digest = Digest::of(body.bytes());
        let chain = match self.cell.chain(&parts, digest, &self.callers).await {
            Ok(chain) => chain,
            Err(refusal) => return Err(self.tell(refusal).await),
        };
        Ok(Admitted { parts, body, digest, chain, place })
    }

    /// Records that somebody's chain does not verify; what could not be judged is no refusal.
    async fn tell(&self, refusal: Refusal) -> Refusal {
        if refusal.status().is_client_error() {
            let code = refusal.cause().unwrap_or_else(|| refusal.code());
            if let Err(error) = self.cell.tell_refusal("diagnose", code).await {
                return error.into();
            }
        }
        refusal
    }

    /// Records and signs what was computed for a request.
    async fn seal<T>(
        &self,
        computed: Computed<T>,
        model: &Resident,
        asked: (Digest, &VerifiedChain),
    ) -> Result<Signed<T>, Refusal> {
        let (request, chain) = asked;
        let under =
            Circumstances { model, engine: &self.engine, request, chain, policy: self.policy };
        Ok(computed.record(&self.cell, &under).await?.sign(&self.cell))
    }
}

/// A request of verified code.
struct Admitted {
    parts: Parts,
    body: Held,
    digest: Digest,
    chain: VerifiedChain,
    place: Place,
}

impl Admitted {
    fn header(&self, name: &str) -> Option<String> {
        self.parts
            .headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// All routes.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let large = Router::new()
        .route("/diagnose/{model}", post(image::diagnose))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer::infer_version))
        .layer(limits::streaming());
    Router::new()
        .route("/v2", get(info::server))
        .route("/v2/health/live", get(info::live))
        .route("/v2/health/ready", get(info::ready))
        .route("/v2/models/{model}", get(info::model))
        .route("/v2/models/{model}/ready", get(info::model_ready))
        .route("/v2/models/{model}/versions/{version}", get(info::version))
        .route("/v2/models/{model}/versions/{version}/ready", get(info::version_ready))
        .merge(large)
        .with_state(service)
}
