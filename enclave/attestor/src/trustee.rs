//! The `RESTful` attestation service of Trustee (Confidential Containers): its requests in, an
//! EAR of its profile out. It belongs to key brokers that speak the KBS protocol; ours asks
//! here too. Evidence is appraised by our manifest alone: nobody sets a policy through this
//! protocol, and what is not known is contraindicated, never an error.

mod binding;
mod claims;
mod evidence;
mod request;
mod snp;
mod token;

use std::sync::Arc;

use autoclave_attest::evidence::Verified;
use autoclave_attest::runtime::ReportData;
use autoclave_base::Digest;
use autoclave_cell::Refusal;
use autoclave_ledger::{Event, Label};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::foreign::{FOREIGN_BYTES_MAX, Judged};
use crate::refusal;
use crate::service::{Attestor, unknown};
pub(crate) use evidence::{Bytes, MALFORMED, UNSUPPORTED, pem};

use binding::Bound;
use evidence::Read;
use request::{Request, Verification};
use token::Submodule;

/// Where evidence is appraised.
const ATTESTATION_PATH: &str = "/attestation";
/// Where Trustee keeps its policies.
const POLICY_PATH: &str = "/policy";

/// The operation in the ledger and in metrics.
const OPERATION: &str = "attestation";

const POLICY_GOVERNED: Refusal = Refusal::forbidden(
    "attestation.policy_governed",
    "The appraisal policy is governed by the release manifest, and not set here.",
);

type Shared = State<Arc<Attestor>>;

pub(crate) fn routes() -> Router<Arc<Attestor>> {
    Router::new()
        .route(ATTESTATION_PATH, post(attestation))
        .route(POLICY_PATH, get(policies).post(|| async { POLICY_GOVERNED }))
        .layer(DefaultBodyLimit::max(FOREIGN_BYTES_MAX))
}

/// The one policy that there is, by its digest.
async fn policies(State(attestor): Shared) -> Json<Value> {
    let digest = autoclave_attest::appraise::policy_digest(&attestor.policy.in_force());
    Json(json!([{"policy-id": autoclave_attest::appraise::POLICY_ID, "policy-hash": digest}]))
}

async fn attestation(
    State(attestor): Shared,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let outcome = match request {
        Ok(Json(request)) => attestor.appraise_trustee(&request).await,
        Err(_) => Err(refusal::MALFORMED),
    };
    let token = attestor.conclude(OPERATION, outcome).await?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, "application/jwt")], token))
}

/// One part of a request after its evidence was looked at.
struct Appraised {
    submodule: Submodule,
    found: Found,
}

/// What stands behind a part.
enum Found {
    /// Verified evidence with its verdict.
    Evidence(Box<Judged>),
    /// The `sample` of Trustee's developers: nothing at all.
    Sample,
}

impl Attestor {
    /// A token for a request, whose verdicts are in the ledger.
    async fn appraise_trustee(&self, request: &Request) -> Result<String, Refusal> {
        request.check()?;
        let parts: Result<Vec<_>, _> =
            request.verification_requests.iter().map(|part| self.part(part)).collect();
        let parts = parts?;
        let payload = token::payload(self, request, parts.iter().map(|part| &part.submodule));
        let token = self.sign(&payload)?;
        for part in &parts {
            match &part.found {
                Found::Evidence(judged) => self.record(judged, &token).await?,
                Found::Sample => {
                    self.append(self.verdict_on_sample(&token)).await?;
                }
            }
        }
        Ok(token)
    }

    fn part(&self, part: &Verification) -> Result<Appraised, Refusal> {
        let bound = Bound::of(part)?;
        match evidence::read(part)? {
            Read::Evidence(evidence) => {
                let unbound = self.verify_foreign(&evidence)?;
                let report_data = *unbound.report_data();
                bound.check_report_data(&report_data)?;
                bound.check_init_data(unbound.claims())?;
                let verified: Verified =
                    unbound.bind(&report_data).map_err(refusal::of_evidence)?;
                let judged = self.judge(verified)?;
                let submodule = Submodule::of(&judged, &report_data, &bound);
                Ok(Appraised { submodule, found: Found::Evidence(Box::new(judged)) })
            }
            Read::Sample { svn, report_data } => {
                self.sample_allowed()?;
                bound.check_report_data(&report_data)?;
                let submodule = Submodule::of_sample(self, &svn, &report_data, &bound);
                Ok(Appraised { submodule, found: Found::Sample })
            }
        }
    }

    /// The sample is signed by nobody: only a configuration for development can allow it.
    fn sample_allowed(&self) -> Result<(), Refusal> {
        if self.cell().allows_kbs_sample() { Ok(()) } else { Err(evidence::UNSUPPORTED) }
    }

    fn verdict_on_sample(&self, token: &str) -> Event {
        Event::Verdict {
            workload: unknown(),
            measurement: token::sample_measurement(),
            kind: Label::code("sample"),
            status: Label::of(&autoclave_attest::appraise::Status::Contraindicated),
            token: Digest::of(token),
            policy: autoclave_attest::appraise::policy_digest(&self.policy.in_force()),
        }
    }
}

/// Bytes as report data holds them: at its beginning, zeros behind.
fn padded(bytes: &[u8]) -> Option<ReportData> {
    let mut data = [0; 64];
    data.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(data)
}
