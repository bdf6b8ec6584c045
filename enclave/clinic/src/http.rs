//! The clinic's routes. Each handler first establishes who asks and why, then asks the
//! rules, then writes the ledger line, then works. The platform vendor's. No answer may be
//! cached, and no error repeats what was sent.

mod caller;
mod diagnosis;
mod fhir;
mod form;
mod imaging;
mod intake;
mod records;
mod session;
mod smart;
mod staff;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_cell::limits;
use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::{HeaderValue, header};

use crate::Clinic;
#[cfg(test)]
pub(crate) use fhir::BUNDLE_BYTES_MAX;

/// All routes, to be served behind attested doors only.
pub fn routes(clinic: Arc<Clinic>) -> Router {
    Router::new()
        .route("/staff", post(staff::make))
        .route("/auth/sign-in", post(session::sign_in))
        .route("/auth/sign-out", post(session::sign_out))
        .route("/intake", post(intake::intake).layer(limits::streaming()))
        .route("/imaging-studies/{id}/diagnosis", post(diagnosis::diagnose))
        .route("/imaging-studies/{id}/image", get(records::image))
        .route("/imaging-studies/{id}/mask", get(records::mask))
        .route("/patients", get(records::work_list))
        .route("/fhir", any(fhir::serve))
        .route("/fhir/", any(fhir::serve))
        .route("/fhir/{*path}", any(fhir::serve))
        .route("/dicom-web/{*path}", any(imaging::serve).layer(limits::streaming()))
        .route("/fhir/.well-known/smart-configuration", get(smart::configuration))
        .merge(smart::routes())
        .layer(map_response(uncached))
        .with_state(clinic)
}

async fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
