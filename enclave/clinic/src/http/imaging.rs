//! `/dicom-web` and all below it: establishes who asks, as `/fhir` does, and hands the request
//! to the `DICOMweb` server. The clinic's. Bodies stream through it, both ways.

use std::sync::Arc;

use autoclave_cell::Refusal;
use autoclave_imaging::{BrokenOff, DicomRequest};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;

use super::fhir;
use crate::Clinic;

/// Where it is mounted.
const BASE: &str = "/dicom-web";
/// Longest path in parts: `studies/1/series/2/instances/3/frames/4/rendered`.
const PARTS_MAX: usize = 10;

const NO_PATH: Refusal = Refusal::not_found("imaging.path", "There is nothing at this path.");

/// Answers a `DICOMweb` request.
pub(super) async fn serve(State(clinic): State<Arc<Clinic>>, request: Request) -> Response {
    match answer(&clinic, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(clinic: &Arc<Clinic>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let path = fhir::path(BASE, parts.uri.path(), PARTS_MAX).ok_or(NO_PATH)?;
    let caller = fhir::established(clinic, &mut parts).await?;
    fhir::if_glass_breaks(clinic, &parts, &caller).await?;
    let base = fhir::base(clinic, &parts, BASE);
    let query = parts.uri.query().map(str::to_owned);
    let body = body.into_data_stream().map(|chunk| chunk.map_err(|_| BrokenOff)).boxed();
    let (method, headers) = (parts.method, parts.headers);
    let request = DicomRequest { method, path, query, headers, body, base };
    let response = clinic.imaging.handle(&caller, request).await;
    Ok(response.map(|body| Body::from_stream(body.into_chunks())))
}
