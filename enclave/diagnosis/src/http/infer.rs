//! `POST /v2/models/{model}[/versions/{version}]/infer`: tensors in, tensors out.
//! For `KServe` and Triton clients; receipt and ledger proof go into headers, so that the
//! body stays what those clients know.
//! No tensor is read before the chain of its senders has verified.

use std::sync::Arc;

use autoclave_base::b64;
use autoclave_cell::Refusal;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderValue, header};

use super::Service;
use super::refusal::{KserveRefusal, refusal};
use crate::answer::Signed;
use crate::kserve::{HEADER_LENGTH, InferResponse};

/// The signed receipt.
pub(super) const RECEIPT: &str = "autoclave-receipt";
/// The proof of the receipt's line: base64url of its JSON.
pub(super) const LEDGER: &str = "autoclave-ledger";
/// The token whose key signed the receipt.
pub(super) const TOKEN: &str = "autoclave-token";

pub(super) async fn infer(
    State(service): State<Arc<Service>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, KserveRefusal> {
    Ok(run(&service, &model, None, request).await?)
}

pub(super) async fn infer_version(
    State(service): State<Arc<Service>>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Result<Response, KserveRefusal> {
    Ok(run(&service, &model, Some(&version), request).await?)
}

async fn run(
    service: &Service,
    name: &str,
    version: Option<&str>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked = service.admit(request).await?;
    let model = service.find(name, version)?;
    let header_length = asked.header(HEADER_LENGTH);
    let (body, loaded) = (asked.body, Arc::clone(&model));
    let job = move || crate::infer::infer(&loaded, header_length.as_deref(), body.bytes());
    let computed = asked.place.run(job).await.map_err(|crash| refusal(crash.code()))?;
    let computed = computed.map_err(|error| refusal(error.code()))?;
    respond(service.seal(computed, &model, (asked.digest, &asked.chain)).await?)
}

/// Puts receipt, proof and token into headers.
pub(super) fn respond(signed: Signed<InferResponse>) -> Result<Response, Refusal> {
    let unwritable = |_| Refusal::internal("diagnosis.header");
    let proof =
        serde_json::to_vec(&signed.ledger).map_err(|_| Refusal::internal("diagnosis.proof"))?;
    let content_type = HeaderValue::from_static(signed.body.content_type());
    let json_bytes = signed.body.json_bytes;
    let mut response = Response::new(signed.body.body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(RECEIPT, signed.receipt.try_into().map_err(unwritable)?);
    headers.insert(LEDGER, b64::encode(&proof).try_into().map_err(unwritable)?);
    headers.insert(TOKEN, signed.token.try_into().map_err(unwritable)?);
    if let Some(length) = json_bytes {
        headers.insert(HEADER_LENGTH, length.into());
    }
    Ok(response)
}
