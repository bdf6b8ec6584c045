//! `POST /imaging-studies/{id}/diagnosis`: asks the diagnosis enclave, verifies its
//! receipt, files the result, answers. The clinic's. A study is diagnosed once; whoever
//! asks again gets what was filed.

use std::sync::Arc;

use autoclave_base::ids::ImagingStudyId;
use autoclave_base::{Digest, Phi, Problem};
use autoclave_cell::{Refusal, event};
use autoclave_record::Resource;
use autoclave_record::build::{AdmissionIds, Diagnosis, Inference, ResultIds};
use autoclave_records::store::Store as Records;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::caller::{Caller, Stated};
use super::records::NOT_FOUND;
use crate::Clinic;
use crate::cached::CachedImage;
use crate::diagnosis::{self, Answer, AnswerRefusal, VerifiedAnswer};
use crate::fhir::filing::{self, Before};
use crate::image::ImageType;
use crate::outside::PeerAnswer;
use crate::permit::{Action, Permit};
use crate::places::SMALL_BYTES_MAX;
use crate::store::{FiledDiagnosis, NewDiagnosis, StoreError};

const FAILED: Refusal = Refusal::new(
    StatusCode::BAD_GATEWAY,
    "diagnosis.failed",
    "The diagnosis enclave did not give a diagnosis; nothing was filed.",
);
const UNBELIEVED: Refusal = Refusal::new(
    StatusCode::BAD_GATEWAY,
    "diagnosis.answer_refused",
    "The diagnosis does not agree with its receipt; nothing was filed.",
);

/// Why there is no diagnosis: our own refusal, or the diagnosis enclave's about the image.
pub(super) enum NoDiagnosis {
    Refused(Refusal),
    Image(Problem),
}

impl From<Refusal> for NoDiagnosis {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<AnswerRefusal> for NoDiagnosis {
    fn from(refusal: AnswerRefusal) -> Self {
        Self::Refused(UNBELIEVED.caused_by(refusal.code()))
    }
}

impl IntoResponse for NoDiagnosis {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::Image(problem) => {
                let media_type = [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)];
                let status = StatusCode::from_u16(problem.status);
                let status = status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
                (status, media_type, problem.to_json()).into_response()
            }
        }
    }
}

/// Diagnoses a study, or gives the diagnosis that is filed.
pub(super) async fn diagnose(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    Stated(purpose): Stated,
    Path(study): Path<String>,
) -> Result<Response, NoDiagnosis> {
    let allowed = clinic.allow(caller.actor, Action::Diagnose, purpose).await?;
    // Two clicks run the model once: the second finds the first's result.
    let _alone = clinic.lane(&Digest::of(&study)).await;
    let ids = match study.parse::<ImagingStudyId>() {
        Ok(study) => clinic.with_store(move |store| store.admission(study)).await?,
        Err(_) => None,
    };
    let subject = ids.map(|ids| ids.patient);
    let permit = clinic.permit(allowed, "ImagingStudy", subject).await?;
    let ids = ids.ok_or(NOT_FOUND)?;
    let study = ids.imaging_study;
    let report = clinic.with_store(move |store| store.filed_report(study)).await?;
    if let Some(report) = &report
        && let Some(copy) = clinic.cached_answer(study, report).await
    {
        return Ok(json_body(copy.into_inner()));
    }
    let filed = match report {
        Some(_) => clinic.with_store(move |store| store.diagnosis(&ids)).await?,
        None => Some(compute(&clinic, &permit, ids).await?),
    };
    let filed = filed.ok_or(Refusal::internal("store.malformed"))?;
    let body = serde_json::to_vec(&answer(&clinic, &filed).await?);
    let body = body.map_err(|_| Refusal::internal("diagnosis.answer"))?;
    clinic.cache_answer(study, &filed.report, &body).await;
    Ok(json_body(body))
}

fn json_body(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn compute(
    clinic: &Arc<Clinic>,
    permit: &Permit,
    of: AdmissionIds,
) -> Result<FiledDiagnosis, NoDiagnosis> {
    let _until_done = clinic.places.small().await?;
    let (answer, image) = match clinic.cached_image(of.imaging_study).await {
        Some(copy) => ask_with_copy(clinic, of, copy).await?,
        None => ask_from_store(clinic, of).await?,
    };
    let answer = believed(&answer)?;
    let vouched = clinic.outside().diagnosis_token(&answer.token, &answer.chain).await?;
    let verified = diagnosis::verify(answer, image, &clinic.model, vouched)?;
    let filed = file(clinic, permit, of, verified).await?;
    clinic.forget_image(of.imaging_study).await;
    Ok(filed)
}

/// Asks with the cache's copy. Where diagnosis does not accept through whom that came, it is
/// asked once more with the image from the records: a cache is never what makes it fail.
pub(super) async fn ask_with_copy(
    clinic: &Arc<Clinic>,
    of: AdmissionIds,
    copy: CachedImage,
) -> Result<(PeerAnswer, Digest), Refusal> {
    let CachedImage { content_type, bytes, links } = copy;
    let is_linked = !links.is_empty();
    let (request, image) = request(clinic, content_type, bytes)?;
    let answer = clinic.outside().diagnose(request, links).await?;
    if is_linked && refuses_chain(&answer) {
        event!(WARN, "cache.chain_refused");
        return ask_from_store(clinic, of).await;
    }
    Ok((answer, image))
}

fn refuses_chain(answer: &PeerAnswer) -> bool {
    answer.status.is_client_error()
        && Problem::parse(&answer.body).is_some_and(|problem| problem.code.starts_with("chain."))
}

async fn ask_from_store(
    clinic: &Arc<Clinic>,
    of: AdmissionIds,
) -> Result<(PeerAnswer, Digest), Refusal> {
    let study = of.imaging_study;
    let head = clinic.with_store(move |store| store.image_head(study)).await?;
    let _if_large = match head.map_or(0, |head| head.bytes) {
        size if size > SMALL_BYTES_MAX => Some(clinic.places.large().await?),
        _ => None,
    };
    let image = clinic.with_store(move |store| store.image(of.patient, study)).await?;
    let (head, image) = image.ok_or(Refusal::internal(StoreError::Malformed.code()))?;
    let (request, image) = request(clinic, head.content_type, Phi::new(image))?;
    Ok((clinic.outside().diagnose(request, Vec::new()).await?, image))
}

/// The request to the diagnosis enclave: the image, and nothing of whose it is.
fn request(
    clinic: &Clinic,
    content_type: ImageType,
    image: Phi<Vec<u8>>,
) -> Result<(Request<Vec<u8>>, Digest), Refusal> {
    let digest = Digest::of(image.expose());
    let request = Request::post(format!("/diagnose/{}", clinic.model))
        .header(header::CONTENT_TYPE, content_type.name())
        .body(image.into_inner());
    let request = request.map_err(|_| Refusal::internal("diagnosis.request"))?;
    Ok((request, digest))
}

/// The answer, where it is one. What the diagnosis enclave says about the image is passed
/// on: its sentences are constants of attested code.
fn believed(answer: &PeerAnswer) -> Result<Answer, NoDiagnosis> {
    if answer.status == StatusCode::OK {
        return Ok(Answer::parse(&answer.body)?);
    }
    let about_the_image = |problem: &Problem| {
        problem.code.starts_with("image.") && problem.status == answer.status.as_u16()
    };
    let problem = Problem::parse(&answer.body).filter(about_the_image);
    match problem {
        Some(problem) if answer.status.is_client_error() => Err(NoDiagnosis::Image(problem)),
        _ => Err(FAILED.into()),
    }
}

async fn file(
    clinic: &Arc<Clinic>,
    permit: &Permit,
    of: AdmissionIds,
    verified: VerifiedAnswer,
) -> Result<FiledDiagnosis, NoDiagnosis> {
    let ids = ids_for(clinic, of)?;
    let resources = resources(clinic, permit, of, ids, &verified)?;
    let now_ms = clinic.outside().now_ms();
    let file = move |records: &Records| filing::file(records, &resources, Before::Replace, now_ms);
    clinic.with_records(file).await?;
    let answer = verified.answer.to_stored();
    let file = move |store: &crate::Store| store.file_diagnosis(NewDiagnosis { of, ids, answer });
    Ok(clinic.with_store(file).await?)
}

/// The ids that a study's result has, whenever it is filed.
fn ids_for(clinic: &Clinic, of: AdmissionIds) -> Result<ResultIds, Refusal> {
    let study = of.imaging_study.to_string();
    let (keys, of) = (clinic.store.keys(), [study.as_bytes()]);
    let ids = || {
        Some(ResultIds {
            observation: filing::id_for(keys, "observation", &of)?,
            report: filing::id_for(keys, "report", &of)?,
            provenance: filing::id_for(keys, "provenance", &of)?,
        })
    };
    ids().ok_or(Refusal::internal("diagnosis.ids"))
}

fn resources(
    clinic: &Clinic,
    permit: &Permit,
    of: AdmissionIds,
    ids: ResultIds,
    verified: &VerifiedAnswer,
) -> Result<[Resource; 3], Refusal> {
    let receipt = &verified.receipt;
    let diagnosis = Diagnosis {
        ids,
        of,
        finding: verified.finding,
        inference: Inference {
            model: receipt.model.name.as_str(),
            model_digest: receipt.model.digest,
            engine: &receipt.engine,
            workload: receipt.iss.as_str(),
            policy: receipt.policy,
            receipt: &verified.answer.receipt,
            at: receipt.iat,
        },
        mask_bytes: verified.mask_bytes,
        asker: permit.actor.staff()?,
        purpose: permit.purpose,
        now: clinic.now(),
    };
    diagnosis.resources().map_err(|refusal| Refusal::internal(refusal.code()))
}

/// `{"report", "observation", "provenance", "result", "receipt", "ledger", "token", "chain",
/// "jwks", "attestor"}`: the last six make a receipt file that can be checked for ever.
async fn answer(clinic: &Arc<Clinic>, filed: &FiledDiagnosis) -> Result<Value, NoDiagnosis> {
    let answer = Answer::parse(filed.answer.expose())?;
    let wanted = [
        ("DiagnosticReport", filed.report.clone()),
        ("Observation", filed.observation.clone()),
        ("Provenance", filed.provenance.clone()),
    ];
    let found = clinic.with_records(move |records| filing::read(records, &wanted)).await?;
    let mut found = found.into_iter().map(|found| found.map(autoclave_base::Phi::into_inner));
    let mut next = || found.next().flatten().unwrap_or_default();
    Ok(json!({
        "report": next(),
        "observation": next(),
        "provenance": next(),
        "result": answer.result,
        "receipt": answer.receipt,
        "ledger": answer.ledger,
        "token": answer.token,
        "chain": answer.chain,
        "jwks": answer.jwks,
        "attestor": answer.attestor,
    }))
}
