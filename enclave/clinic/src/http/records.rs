//! Reading: the image, the mask, the work list. The clinic's. Whether a
//! record exists is told only to whom the rules let read, after its ledger line.

use std::io;
use std::sync::Arc;

use autoclave_base::ids::ImagingStudyId;
use autoclave_base::ids::PatientId;
use autoclave_cell::Refusal;
use autoclave_record::build::AdmissionIds;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use http::header;
use serde_json::{Value, json};

use super::caller::{Caller, Stated};
use super::intake;
use crate::Clinic;
use crate::diagnosis::Answer;
use crate::fhir::filing;
use crate::permit::Action;
use crate::store::{ImageHead, WorkItem};

/// Most lines of the work list: a clerk's week.
const WORK_LIST_MAX: u32 = 200;

pub(super) const NOT_FOUND: Refusal =
    Refusal::not_found("record.not_found", "There is no such record.");

/// `GET /imaging-studies/{id}/image`
pub(super) async fn image(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    Stated(purpose): Stated,
    Path(study): Path<String>,
) -> Result<Response, Refusal> {
    let allowed = clinic.allow(caller.actor, Action::Read, purpose).await?;
    let found = admission(&clinic, &study).await?;
    let permit = clinic.permit(allowed, "ImagingStudy", subject(found)).await?;
    let (ids, patient) = found.zip(permit.subject).ok_or(NOT_FOUND)?;
    let study = ids.imaging_study;
    let head = clinic.with_store(move |store| store.image_head(study)).await?.ok_or(NOT_FOUND)?;
    let first = clinic.with_store(move |store| store.image_part(patient, study, 1)).await?;
    let first = first.ok_or(NOT_FOUND)?;
    let media_type = [(header::CONTENT_TYPE, head.content_type.name())];
    let rest =
        stream::try_unfold(2, move |part| further(clinic.clone(), head, (patient, study), part));
    let body = stream::iter([Ok(Bytes::from(first))]).chain(rest);
    Ok((media_type, Body::from_stream(body)).into_response())
}

/// A further part of an image, read when the one before has left. Where it cannot be read the
/// answer breaks off, which its reader notices.
async fn further(
    clinic: Arc<Clinic>,
    head: ImageHead,
    (patient, study): (PatientId, ImagingStudyId),
    part: u32,
) -> Result<Option<(Bytes, u32)>, io::Error> {
    if part > head.parts {
        return Ok(None);
    }
    let broken = |_| io::Error::other("an image cannot be read");
    let clear = clinic.with_store(move |store| store.image_part(patient, study, part)).await;
    let clear = clear.map_err(broken)?.ok_or_else(|| io::Error::other("a part is missing"))?;
    Ok(Some((Bytes::from(clear), part + 1)))
}

/// `GET /imaging-studies/{id}/mask`
pub(super) async fn mask(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    Stated(purpose): Stated,
    Path(study): Path<String>,
) -> Result<Response, Refusal> {
    let allowed = clinic.allow(caller.actor, Action::Read, purpose).await?;
    let found = admission(&clinic, &study).await?;
    let _permit = clinic.permit(allowed, "DiagnosticReport", subject(found)).await?;
    let ids = found.ok_or(NOT_FOUND)?;
    let filed = clinic.with_store(move |store| store.diagnosis(&ids)).await?.ok_or(NOT_FOUND)?;
    let mask = Answer::parse(filed.answer.expose()).and_then(|answer| answer.mask());
    let mask = mask.map_err(|refusal| Refusal::internal(refusal.code()))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], mask.into_inner()).into_response())
}

async fn admission(clinic: &Arc<Clinic>, study: &str) -> Result<Option<AdmissionIds>, Refusal> {
    let Ok(study) = study.parse::<ImagingStudyId>() else { return Ok(None) };
    clinic.with_store(move |store| store.admission(study)).await
}

fn subject(found: Option<AdmissionIds>) -> Option<PatientId> {
    found.map(|ids| ids.patient)
}

/// `GET /patients`: `{"patients": [{"patient", …ids, "admitted_at", "report"}]}`, newest first.
pub(super) async fn work_list(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    Stated(purpose): Stated,
) -> Result<Json<Value>, Refusal> {
    let allowed = clinic.allow(caller.actor, Action::List, purpose).await?;
    let _permit = clinic.permit(allowed, "WorkList", None).await?;
    let (items, patients) = newest(&clinic, WORK_LIST_MAX).await?;
    let lines = items.iter().zip(patients).map(|(item, patient)| {
        let mut line = intake::answer(&item.ids);
        line["patient"] = patient;
        line["admitted_at"] = json!(item.admitted_at.rfc3339());
        line["report"] = json!(item.report);
        line
    });
    Ok(Json(json!({"patients": lines.collect::<Vec<_>>()})))
}

/// The newest admissions, each with its patient as the record has them now.
pub(super) async fn newest(
    clinic: &Arc<Clinic>,
    count: u32,
) -> Result<(Vec<WorkItem>, Vec<Value>), Refusal> {
    let items = clinic.with_store(move |store| store.work_list(count)).await?;
    let wanted = items.iter().map(|item| ("Patient", item.ids.patient.to_string()));
    let wanted: Vec<_> = wanted.collect();
    let found = clinic.with_records(move |records| filing::read(records, &wanted)).await?;
    let known = found.into_iter().zip(&items).map(|(patient, item)| match patient {
        Some(patient) => patient.into_inner(),
        // Deleted since: the admission is still somebody's work.
        None => json!({"resourceType": "Patient", "id": item.ids.patient}),
    });
    let known = known.collect();
    Ok((items, known))
}
