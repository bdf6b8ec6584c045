//! `POST /auth/launch`: the record system starts an application for somebody in a session, and
//! about a patient (SMART's EHR launch). The clinic's. What it gives is a context, no right:
//! whoever comes with it still signs in, and must be the one who launched.

use std::sync::Arc;

use autoclave_cell::{Entropy, Refusal};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Clinic;
use crate::http::caller::Caller;
use crate::smart::{Bearer, ClientKind, Launch};

const MALFORMED: Refusal = Refusal::bad_request(
    "request.malformed",
    "The request is not JSON of the members that this route takes.",
);
const NO_CLIENT: Refusal =
    Refusal::not_found("client.unknown", "No application of that id can be launched.");
const BUSY: Refusal = Refusal::unavailable("smart.busy", "Too many launches at once; try again.");

/// `{"client", "patient"?}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    client: String,
    patient: Option<String>,
}

/// `{"launch", "iss"}`: the application's launch URL is called with both.
pub(super) async fn launch(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(Wanted { client, patient }) = body.map_err(|_| MALFORMED)?;
    let staff = caller.actor.staff()?;
    let known = clinic.smart.client(&client).filter(|known| known.kind != ClientKind::Service);
    let base = clinic.smart.base().ok_or(NO_CLIENT)?;
    let client = known.ok_or(NO_CLIENT)?.id.clone();
    let text = Bearer::random(&mut Entropy);
    if !clinic.smart.keep_launch(&text, Launch { client, staff, patient }, clinic.now()) {
        return Err(BUSY);
    }
    Ok(Json(json!({"launch": text.into_text(), "iss": format!("{base}/fhir")})))
}
