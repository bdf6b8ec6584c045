//! What a person allows: the question, and the code that the answer becomes. The clinic's. A
//! code is a ledger line before it leaves, and names the patient that was chosen.

use std::sync::Arc;

use autoclave_cell::Entropy;
use autoclave_record::Word;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::authorize::{AskRefusal, Asked, address, redirect};
use super::page::{self, Choice, Question};
use super::{OAuthError, line};
use crate::Clinic;
use crate::http::records;
use crate::permit::{Action, Actor};
use crate::smart::form::Fields;
use crate::smart::{Bearer, Code, Grant, Holder};

/// Most patients to choose from: those of the day.
const CHOICES_MAX: u32 = 50;
/// Longest id of a resource (FHIR).
const ID_BYTES_MAX: usize = 64;

/// The page that asks.
pub(super) async fn question(
    clinic: &Arc<Clinic>,
    asked: &Asked,
    holder: Holder,
    pending: Bearer,
) -> Response {
    let choices = if asked.wants_patient() && asked.launch.is_none() {
        Some(choices(clinic, asked, holder).await)
    } else {
        None
    };
    page::consent(&Question {
        client: &asked.client,
        pending: &pending.into_text(),
        scopes: &asked.scopes.to_string(),
        choices: choices.as_deref(),
    })
}

/// The newest admissions, where this person may see the work list at all.
async fn choices(clinic: &Arc<Clinic>, asked: &Asked, holder: Holder) -> Vec<Choice> {
    let Holder::Staff { id, role } = holder else { return Vec::new() };
    let actor = Actor::Staff { id, role };
    let Ok(allowed) = clinic.allow(actor, Action::List, asked.client.purpose).await else {
        return Vec::new();
    };
    let Ok(_permit) = clinic.permit(allowed, "WorkList", None).await else { return Vec::new() };
    let Ok((items, patients)) = records::newest(clinic, CHOICES_MAX).await else {
        return Vec::new();
    };
    let all = items.iter().zip(&patients);
    all.map(|(item, patient)| Choice { id: item.ids.patient.to_string(), name: named(patient) })
        .collect()
}

/// What a person calls a patient.
fn named(patient: &Value) -> String {
    let text = |at: &str| patient.pointer(at).and_then(Value::as_str).unwrap_or_default();
    format!("{}, {} {}", text("/name/0/family"), text("/name/0/given/0"), text("/birthDate"))
}

/// `POST /auth/authorize/decide`
pub(super) async fn decide(
    State(clinic): State<Arc<Clinic>>,
    body: Bytes,
) -> Result<Response, AskRefusal> {
    let here = |code| AskRefusal::Here(OAuthError::request(code));
    let fields = Fields::of_body(&body).ok_or(here("request.malformed"))?;
    let pending =
        fields.get("pending").and_then(|text| clinic.smart.take_pending(text, clinic.now()));
    let pending = pending.ok_or(here("consent.over"))?;
    let asked = Asked::read(&clinic, &pending.asked)?;
    if fields.get("decision") != Some("allow") {
        let said = [("error", "access_denied"), ("error_description", "consent.refused")];
        return Ok(redirect(&asked.redirect_uri, &said, Some(&asked.state)));
    }
    let patient = fields.get("patient").or(fields.get("patient_id")).map(str::to_owned);
    match allow(&clinic, &asked, pending.holder, patient).await {
        Ok(to) => Ok(redirect(&to, &[], None)),
        Err(error) => {
            let (redirect_uri, state) = (asked.redirect_uri, Some(asked.state));
            Ok(AskRefusal::There { redirect_uri, state, error }.into_response())
        }
    }
}

/// Makes the code; the application's address with it.
pub(super) async fn allow(
    clinic: &Arc<Clinic>,
    asked: &Asked,
    holder: Holder,
    chosen: Option<String>,
) -> Result<String, OAuthError> {
    let now = clinic.now();
    let launched = match &asked.launch {
        Some(launch) => {
            let launch = clinic.smart.take_launch(launch, now);
            let ours = |launch: &crate::smart::Launch| {
                launch.client == asked.client.id
                    && matches!(holder, Holder::Staff { id, .. } if id == launch.staff)
            };
            launch.filter(ours).ok_or(OAuthError::request("launch.refused"))?.patient
        }
        None => None,
    };
    let patient = launched.or(chosen);
    if patient.is_none() && (asked.wants_patient() || asked.scopes.has(Word::LaunchPatient)) {
        return Err(OAuthError::new("access_denied", "patient.missing"));
    }
    if patient.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(OAuthError::request("patient.malformed"));
    }
    let grant = Grant {
        client: asked.client.id.clone(),
        holder,
        scopes: asked.scopes.clone(),
        patient,
        purpose: asked.client.purpose,
    };
    line(clinic, &grant, "authorize").await?;
    let (redirect_uri, challenge) = (asked.redirect_uri.clone(), asked.challenge.clone());
    let text = Bearer::random(&mut Entropy);
    if !clinic.smart.keep_code(&text, Code { grant, redirect_uri, challenge }, now) {
        return Err(OAuthError::busy());
    }
    Ok(address(&asked.redirect_uri, &[("code", &text.into_text())], Some(&asked.state)))
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}
