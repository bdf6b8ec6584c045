//! Builders of the resources that one sealed diagnosis files: at intake Patient,
//! Encounter, `ServiceRequest` and `ImagingStudy`; with the result Observation,
//! `DiagnosticReport` and Provenance. They belong to the clinic. Each result passes the
//! rules again before anyone sees it; no builder invents a fact.

mod admission;
mod result;

pub use admission::{Admission, AdmissionIds, Image};
pub use result::{Diagnosis, Finding, Inference, ResultIds};

use autoclave_base::UnixTime;
use serde_json::{Value, json};

use crate::coding;
use crate::purpose::Purpose;
use crate::resource::ResourceKind;

/// The first version of a resource.
fn meta(now: UnixTime) -> Value {
    json!({"versionId": "1", "lastUpdated": now.rfc3339()})
}

fn to(kind: ResourceKind, id: impl std::fmt::Display) -> Value {
    json!({"reference": format!("{kind}/{id}"), "type": kind.name()})
}

/// A reference to something that is no resource here, by identifier.
fn named(kind: &str, system: &str, value: impl std::fmt::Display) -> Value {
    json!({"type": kind, "identifier": {"system": system, "value": value.to_string()}})
}

fn reason(purpose: Purpose) -> Value {
    json!({"coding": [{
        "system": coding::ACT_REASON, "code": purpose.code(), "display": purpose.display(),
    }]})
}

/// A DICOM UID made from a UUID (DICOM PS3.5, B.2): `2.25.` and the UUID as a decimal.
fn dicom_uid(id: impl std::fmt::Display) -> String {
    let hex: String = id.to_string().chars().filter(|c| *c != '-').collect();
    format!("2.25.{}", u128::from_str_radix(&hex, 16).unwrap_or_default())
}

#[cfg(test)]
mod tests;
