//! `POST /intake`: a patient with an image. The clinic's. The same request under the same
//! key has the same answer for ever, and makes one patient.

use std::sync::Arc;

use autoclave_base::{Digest, Phi};
use autoclave_cell::Refusal;
use autoclave_record::build::{Admission, AdmissionIds, Image};
use autoclave_record::{IntakeRefusal, PatientIntake};
use autoclave_records::store::Store as Records;
use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use super::caller::{Caller, Stated, only};
use super::form::Form;
use crate::cached::is_kept;
use crate::clinic::{self, Clinic};
use crate::fhir::filing::{self, Before};
use crate::image::ImageType;
use crate::permit::{Action, Allowed, Permit};
use crate::store::{Admitted, IntakeKey, NewAdmission, StoreError};

/// Longest idempotency key, in bytes: a UUID needs 36.
const KEY_BYTES_MAX: usize = 128;

const NO_KEY: Refusal = Refusal::bad_request(
    "intake.key_missing",
    "The header idempotency-key is missing or not 1 to 128 printable characters.",
);
const KEY_REUSED: Refusal = Refusal::new(
    StatusCode::CONFLICT,
    "intake.key_reused",
    "The idempotency key was used for another request.",
);

/// The header `idempotency-key`, as a digest.
pub(super) struct RepeatKey(Digest);

impl FromRequestParts<Arc<Clinic>> for RepeatKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Clinic>) -> Result<Self, Refusal> {
        let key = only(parts, "idempotency-key").ok_or(NO_KEY)?;
        let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
        if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Digest::of(key)))
        } else {
            Err(NO_KEY)
        }
    }
}

/// Takes a patient in.
pub(super) async fn intake(
    State(clinic): State<Arc<Clinic>>,
    caller: Caller,
    Stated(purpose): Stated,
    RepeatKey(key): RepeatKey,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let clerk = caller.actor.staff()?;
    let allowed = clinic.allow(caller.actor, Action::Admit, purpose).await?;
    let _until_done = clinic.places.small().await?;
    let (form, _if_large) = Form::read(request, &clinic.places).await?;
    let checked = check(&clinic, form).await?;
    // Repetitions of one request wait for each other: the second finds the first's ids.
    let _alone = clinic.lane(&key).await;
    let key = IntakeKey { clerk, key, request: checked.request };
    let copy = is_kept(&checked.image).then(|| checked.image.clone());
    let (ids, is_new) = admit(&clinic, allowed, key, checked).await?;
    if let Some(image) = copy.filter(|_| is_new) {
        clinic.cache_image(ids.imaging_study, image).await;
    }
    Ok((StatusCode::CREATED, Json(answer(&ids))))
}

struct Checked {
    intake: PatientIntake,
    content_type: ImageType,
    image: Phi<Vec<u8>>,
    image_digest: Digest,
    request: Digest,
}

/// Parses and hashes off the runtime's threads: an image is large.
async fn check(clinic: &Clinic, form: Form) -> Result<Checked, Refusal> {
    let now = clinic.now();
    let work = move || {
        let intake = PatientIntake::parse(form.patient.expose(), now).map_err(malformed)?;
        let content_type = ImageType::of(form.image.expose(), form.image_type.as_deref())?;
        let image_digest = Digest::of(form.image.expose());
        let request = Digest::of_parts(&[form.patient.expose(), image_digest.bytes()]);
        Ok(Checked { intake, content_type, image: form.image, image_digest, request })
    };
    let done = clinic.outside().machine().block_on(work).await;
    done.map_err(|_| Refusal::internal("intake.panicked"))?
}

fn malformed(refusal: IntakeRefusal) -> Refusal {
    let title = match refusal {
        IntakeRefusal::Malformed => "The patient is not JSON of the known members.",
        IntakeRefusal::Family => "A family name of 1 to 200 printable characters is needed.",
        IntakeRefusal::Given => "Given names are up to 8 texts of 1 to 200 printable characters.",
        IntakeRefusal::BirthDate => "The birth date is not a day between 1880 and today.",
        IntakeRefusal::Gender => "The gender is not one of male, female, other, unknown.",
        IntakeRefusal::Identifier => "The identifier is not a printable system and value.",
    };
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), title)
}

/// The ids, and whether the admission is new.
async fn admit(
    clinic: &Arc<Clinic>,
    allowed: Allowed,
    key: IntakeKey,
    checked: Checked,
) -> Result<(AdmissionIds, bool), Refusal> {
    let before = clinic.with_store(move |store| store.admitted(&key)).await?;
    let ids = match &before {
        Some(Admitted::Other) => return Err(KEY_REUSED),
        Some(Admitted::Same(ids)) => *ids,
        None => ids_for(clinic, &key)?,
    };
    let permit = clinic.permit(allowed, "Patient", Some(ids.patient)).await?;
    if before.is_some() {
        return Ok((ids, false));
    }
    let image = Image { content_type: checked.content_type.name(), digest: checked.image_digest };
    let resources = resources(&permit, ids, &checked.intake, &image, clinic.now());
    let resources = resources.map_err(clinic::refuse)?;
    let now_ms = clinic.outside().now_ms();
    let file = move |records: &Records| filing::file(records, &resources, Before::Keep, now_ms);
    clinic.with_records(file).await?;
    let (content_type, now) = (checked.content_type, clinic.now());
    let image = checked.image.into_inner();
    let admission = NewAdmission { ids, content_type, image, now };
    match clinic.with_store(move |store| store.admit(&key, &admission)).await? {
        Admitted::Same(filed) => Ok((filed, filed == ids)),
        Admitted::Other => Err(KEY_REUSED),
    }
}

fn resources(
    permit: &Permit,
    ids: AdmissionIds,
    intake: &PatientIntake,
    image: &Image,
    now: autoclave_base::UnixTime,
) -> Result<[autoclave_record::Resource; 4], StoreError> {
    let clerk = permit.actor.staff().map_err(|_| StoreError::Malformed)?;
    let admission = Admission { ids, intake, image, clerk, purpose: permit.purpose, now };
    admission.resources().map_err(|_| StoreError::Malformed)
}

/// The ids that this request has, whenever it is sent: a crash between two steps makes nobody
/// twice.
fn ids_for(clinic: &Clinic, key: &IntakeKey) -> Result<AdmissionIds, Refusal> {
    let clerk = key.clerk.to_string();
    let of: [&[u8]; 3] = [clerk.as_bytes(), key.key.bytes(), key.request.bytes()];
    let keys = clinic.store.keys();
    let ids = || {
        Some(AdmissionIds {
            patient: filing::id_for(keys, "patient", &of)?,
            encounter: filing::id_for(keys, "encounter", &of)?,
            service_request: filing::id_for(keys, "service request", &of)?,
            imaging_study: filing::id_for(keys, "imaging study", &of)?,
        })
    };
    ids().ok_or(Refusal::internal("intake.ids"))
}

/// `{"patient", "encounter", "service_request", "imaging_study"}`
pub(super) fn answer(ids: &AdmissionIds) -> Value {
    json!({
        "patient": ids.patient, "encounter": ids.encounter,
        "service_request": ids.service_request, "imaging_study": ids.imaging_study,
    })
}
