//! `/attest/…`: evidence, what it vouches for, the policy, the line, the token, in this order.
//! The attestor's. Evidence that does not verify never reaches a policy.

use std::sync::Arc;

use autoclave_attest::claimrules::{EvaluationRefusal, Policy, PolicyRefusal};
use autoclave_attest::evidence::Verified;
use autoclave_cell::Refusal;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::AzureError;
use super::policies::policy_of_jws;
use super::request::{Held, Request};
use super::token::{add_issued, policy_claims, unsigned};
use super::{InForce, Kind, Versioned, claims, tpm};
use crate::foreign::Judged;
use crate::refusal;
use crate::service::Attestor;

/// The operation in the ledger and in metrics.
const OPERATION: &str = "azure_attest";

/// A policy does not permit, or cannot be evaluated.
pub(super) const fn of_evaluation(refused: EvaluationRefusal) -> AzureError {
    let sentence = match refused {
        EvaluationRefusal::Denied => "The policy does not permit these claims.",
        EvaluationRefusal::TooMuch => "The policy wants more work than an evaluation may take.",
        EvaluationRefusal::Type => "A function of the policy got a value that it does not take.",
    };
    let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, refused.code(), sentence);
    AzureError::new("PolicyEvaluationError", refusal)
}

/// A policy cannot be read.
pub(super) const fn of_policy(refused: PolicyRefusal) -> AzureError {
    let sentence = "The policy is not written in the policy language, versions 1.0 to 1.2.";
    AzureError::new("InvalidPolicy", Refusal::bad_request(refused.code(), sentence))
}

pub(super) async fn attest(
    State(attestor): State<Arc<Attestor>>,
    _version: Versioned,
    Path(kind): Path<String>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Json<Value>, AzureError> {
    let outcome = match request {
        Ok(Json(request)) => attestor.attest_azure(&kind, &request).await,
        Err(_) => Err(refusal::MALFORMED.into()),
    };
    match outcome {
        Ok(answer) => {
            attestor.cell().metrics().count(OPERATION, "verdict");
            Ok(Json(answer))
        }
        Err(error) => Err(attestor.tell_azure(error).await),
    }
}

impl Attestor {
    /// Writes the line of a refusal before it is told.
    async fn tell_azure(&self, error: AzureError) -> AzureError {
        match self.conclude::<()>(OPERATION, Err(error.refusal().clone())).await {
            Err(told) if told.code() != error.refusal().code() => told.into(),
            _ => error,
        }
    }

    async fn attest_azure(&self, kind: &str, request: &Request) -> Result<Value, AzureError> {
        let kind = Kind::parse(kind)?;
        request.check()?;
        if kind == Kind::Tpm {
            return tpm::answer(self, request);
        }
        let (runtime, init) =
            (held(request.runtime_data.as_ref())?, held(request.init_time_data.as_ref())?);
        let unbound = self.verify_foreign(&request.evidence(kind)?)?;
        let report_data = *unbound.report_data();
        if let Some(runtime) = &runtime {
            runtime.check_runtime(kind, &report_data)?;
        }
        if let Some(init) = &init {
            init.check_init(unbound.claims())?;
        }
        let verified: Verified = unbound.bind(&report_data).map_err(refusal::of_evidence)?;
        let judged = self.judge(verified)?;
        let mut all = claims::of(kind, judged.verified.claims());
        all.extend(claims::held(kind, runtime.as_ref(), init.as_ref()));
        if let Some(nonce) = &request.nonce {
            all.insert("nonce".to_owned(), json!(nonce));
        }
        let token = if let Some(draft) = &request.draft_policy_for_attestation {
            unsigned(&self.claims_under(&draft_policy(draft)?, all)?)?
        } else {
            let claims = self.claims_under(&self.azure.store.policy(kind), all)?;
            self.sign_rs256(&claims).await?
        };
        self.answer(&judged, token).await
    }

    /// The claims of a token under a policy, where it permits them.
    fn claims_under(
        &self,
        in_force: &InForce,
        mut all: Map<String, Value>,
    ) -> Result<Map<String, Value>, AzureError> {
        all.extend(policy_claims(in_force));
        let incoming = claims::incoming(&all);
        let evaluated = in_force.policy.evaluate(incoming).map_err(of_evaluation)?;
        all.extend(self.registered());
        add_issued(&mut all, &evaluated)?;
        Ok(all)
    }

    async fn answer(&self, judged: &Judged, token: String) -> Result<Value, AzureError> {
        self.record(judged, &token).await?;
        Ok(json!({"token": token}))
    }
}

fn held(data: Option<&super::request::Data>) -> Result<Option<Held>, AzureError> {
    data.map(super::request::Data::held).transpose()
}

/// A draft is the text of a policy, or the JWS that it would be set with.
fn draft_policy(draft: &str) -> Result<InForce, AzureError> {
    let text = match draft.split('.').count() {
        3 if draft.starts_with("ey") => policy_of_jws(draft)?,
        _ => draft.to_owned(),
    };
    let policy = Policy::parse(&text).map_err(of_policy)?;
    Ok(InForce { policy, jws: String::new(), signer: None })
}
