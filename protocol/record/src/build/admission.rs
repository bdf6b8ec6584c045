//! What intake files: who came, why, what was ordered and which image exists. It belongs
//! to the clinic. No result of a model stands here.

use autoclave_base::ids::{EncounterId, ImagingStudyId, PatientId, ServiceRequestId, StaffId};
use autoclave_base::{Digest, UnixTime};
use serde_json::{Map, Value, json};

use super::{dicom_uid, meta, named, reason, to};
use crate::coding::{self, Coding};
use crate::intake::PatientIntake;
use crate::purpose::Purpose;
use crate::resource::{Resource, ResourceKind};
use crate::rules::ResourceRefusal;

/// The ids of one admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionIds {
    /// The patient.
    pub patient: PatientId,
    /// The visit.
    pub encounter: EncounterId,
    /// The order of a diagnosis.
    pub service_request: ServiceRequestId,
    /// The study with the image.
    pub imaging_study: ImagingStudyId,
}

/// What is known of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its media type, one of those that diagnosis takes.
    pub content_type: &'static str,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// One admission, as data; [`Admission::resources`] turns it into FHIR.
pub struct Admission<'a> {
    /// Ids of the resources.
    pub ids: AdmissionIds,
    /// The patient as typed.
    pub intake: &'a PatientIntake,
    /// The image that came along.
    pub image: &'a Image,
    /// Who admits.
    pub clerk: StaffId,
    /// Why.
    pub purpose: Purpose,
    /// When.
    pub now: UnixTime,
}

impl Admission<'_> {
    /// Patient, Encounter, `ServiceRequest` and `ImagingStudy`, in this order.
    pub fn resources(&self) -> Result<[Resource; 4], ResourceRefusal> {
        Ok([
            Resource::parse(self.patient())?,
            Resource::parse(self.encounter())?,
            Resource::parse(self.service_request())?,
            Resource::parse(self.imaging_study())?,
        ])
    }

    fn patient(&self) -> Value {
        let mut patient = json!({
            "resourceType": "Patient", "id": self.ids.patient, "meta": meta(self.now),
            "active": true, "name": [self.name()], "gender": self.intake.gender().expose().code(),
        });
        if let Some(date) = self.intake.birth_date().expose() {
            patient["birthDate"] = json!(date);
        }
        if let Some(identifier) = self.intake.identifier().expose() {
            let system = identifier.system().unwrap_or(coding::LOCAL_SYSTEM);
            patient["identifier"] =
                json!([{"use": "usual", "system": system, "value": identifier.value()}]);
        }
        patient
    }

    fn name(&self) -> Value {
        let mut name = Map::new();
        name.insert("use".into(), json!("usual"));
        name.insert("family".into(), json!(self.intake.family().expose()));
        if !self.intake.given().expose().is_empty() {
            name.insert("given".into(), json!(self.intake.given().expose()));
        }
        Value::Object(name)
    }

    fn encounter(&self) -> Value {
        json!({
            "resourceType": "Encounter", "id": self.ids.encounter, "meta": meta(self.now),
            "status": "in-progress", "class": coding::AMBULATORY.json(),
            "subject": to(ResourceKind::Patient, self.ids.patient),
            "period": {"start": self.now.rfc3339()}, "reasonCode": [reason(self.purpose)],
        })
    }

    fn service_request(&self) -> Value {
        json!({
            "resourceType": "ServiceRequest", "id": self.ids.service_request,
            "meta": meta(self.now), "status": "active", "intent": "order",
            "category": [coding::IMAGING.concept()], "code": coding::MR_BRAIN.concept(),
            "subject": to(ResourceKind::Patient, self.ids.patient),
            "encounter": to(ResourceKind::Encounter, self.ids.encounter),
            "authoredOn": self.now.rfc3339(),
            "requester": named("Practitioner", coding::STAFF_SYSTEM, self.clerk),
            "bodySite": [coding::BRAIN.concept()],
        })
    }

    fn imaging_study(&self) -> Value {
        let uid = dicom_uid(self.ids.imaging_study);
        json!({
            "resourceType": "ImagingStudy", "id": self.ids.imaging_study, "meta": meta(self.now),
            "identifier": [{"system": "urn:dicom:uid", "value": format!("urn:oid:{uid}")}],
            "status": "available", "modality": [coding::MODALITY_MR.json()],
            "subject": to(ResourceKind::Patient, self.ids.patient),
            "encounter": to(ResourceKind::Encounter, self.ids.encounter),
            "started": self.now.rfc3339(),
            "basedOn": [to(ResourceKind::ServiceRequest, self.ids.service_request)],
            "numberOfSeries": 1, "numberOfInstances": 1, "series": [self.series(&uid)],
        })
    }

    fn series(&self, study_uid: &str) -> Value {
        json!({
            "uid": format!("{study_uid}.1"), "number": 1,
            "modality": coding::MODALITY_MR.json(), "numberOfInstances": 1,
            "bodySite": brain(), "instance": [self.instance(study_uid)],
        })
    }

    fn instance(&self, study_uid: &str) -> Value {
        json!({
            "extension": [{
                "url": coding::IMAGE_DIGEST_EXTENSION, "valueString": self.image.digest.to_string(),
            }],
            "uid": format!("{study_uid}.1.1"), "number": 1, "title": self.image.content_type,
            "sopClass": {"system": "urn:ietf:rfc:3986", "code": sop_class(self.image.content_type)},
        })
    }
}

fn brain() -> Value {
    Coding::json(&coding::BRAIN)
}

fn sop_class(content_type: &str) -> &'static str {
    if content_type == "application/dicom" {
        coding::SOP_MR_IMAGE
    } else {
        coding::SOP_SECONDARY_CAPTURE
    }
}
