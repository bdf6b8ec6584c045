//! `POST /diagnose/{model}`: an image in, findings, mask and receipt out.
//! For the clinic, and for whoever has no tensors to send.
//! No image is decoded before the chain of its senders has verified.

use std::sync::Arc;

use autoclave_cell::Refusal;
use autoclave_ledger::LedgerProof;
use axum::Json;
use axum::extract::{Path, Request, State};
use http::header;
use serde::Serialize;
use serde_json::Value;

use super::Service;
use super::refusal::refusal;
use crate::answer::Signed;
use crate::diagnose;

/// The answer of the image route.
#[derive(Serialize)]
pub(super) struct Answer {
    result: Value,
    receipt: String,
    ledger: LedgerProof,
    token: String,
    chain: Vec<String>,
}

impl From<Signed<Value>> for Answer {
    fn from(signed: Signed<Value>) -> Self {
        let Signed { body, receipt, ledger, token, chain } = signed;
        Self { result: body, receipt, ledger, token, chain }
    }
}

pub(super) async fn diagnose(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Answer>, Refusal> {
    let asked = service.admit(request).await?;
    let model = service.find(&name, None)?;
    let media_type = asked.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let (body, loaded) = (asked.body, Arc::clone(&model));
    let job = move || diagnose::diagnose(&loaded, &media_type, body.bytes());
    let computed = asked.place.run(job).await.map_err(|crash| refusal(crash.code()))?;
    let computed = computed.map_err(|error| refusal(error.code()))?;
    Ok(Json(service.seal(computed, &model, (asked.digest, &asked.chain)).await?.into()))
}
