//! What a diagnosis files: the finding, the report and where they came from, with the
//! receipt as signature. It belongs to the clinic. The report is preliminary: no person
//! has looked at it, and nothing here says otherwise.

use autoclave_base::ids::{DiagnosticReportId, ObservationId, ProvenanceId, StaffId};
use autoclave_base::{Digest, UnixTime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{AdmissionIds, meta, named, reason, to};
use crate::coding;
use crate::purpose::Purpose;
use crate::resource::{Resource, ResourceKind};
use crate::rules::ResourceRefusal;

/// The ids of one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultIds {
    /// The measured finding.
    pub observation: ObservationId,
    /// The report.
    pub report: DiagnosticReportId,
    /// Where both came from.
    pub provenance: ProvenanceId,
}

/// What the model found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Pixels of the mask.
    pub pixels: u64,
    /// Their area in mm², where the image says how large a pixel is.
    pub area_mm2: Option<f64>,
    /// The highest probability of any pixel.
    pub probability_max: f64,
}

/// Who computed it and what proves it.
#[derive(Clone, Debug)]
pub struct Inference<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// Digest of the model file in clear.
    pub model_digest: Digest,
    /// Name of the engine.
    pub engine: &'a str,
    /// The workload that ran it.
    pub workload: &'a str,
    /// The digest of the policy in force, as the receipt states it.
    pub policy: Digest,
    /// The receipt, a compact JWS.
    pub receipt: &'a str,
    /// When the model answered, from the receipt.
    pub at: UnixTime,
}

/// One result, as data; [`Diagnosis::resources`] turns it into FHIR.
pub struct Diagnosis<'a> {
    /// Ids of the new resources.
    pub ids: ResultIds,
    /// Ids of the admission that it answers.
    pub of: AdmissionIds,
    /// The finding.
    pub finding: Finding,
    /// Its origin.
    pub inference: Inference<'a>,
    /// Size of the mask in bytes.
    pub mask_bytes: usize,
    /// Who asked.
    pub asker: StaffId,
    /// Why.
    pub purpose: Purpose,
    /// When it is filed.
    pub now: UnixTime,
}

impl Diagnosis<'_> {
    /// Observation, `DiagnosticReport` and Provenance, in this order.
    pub fn resources(&self) -> Result<[Resource; 3], ResourceRefusal> {
        Ok([
            Resource::parse(self.observation())?,
            Resource::parse(self.report())?,
            Resource::parse(self.provenance())?,
        ])
    }

    fn observation(&self) -> Value {
        json!({
            "resourceType": "Observation", "id": self.ids.observation, "meta": meta(self.now),
            "basedOn": [self.order()], "status": "preliminary",
            "category": [coding::CATEGORY_IMAGING.concept()],
            "code": coding::SEGMENTATION.concept(), "subject": self.patient(),
            "encounter": self.encounter(), "effectiveDateTime": self.inference.at.rfc3339(),
            "issued": self.now.rfc3339(), "valueBoolean": self.finding.pixels > 0,
            "bodySite": coding::BRAIN.concept(), "device": self.device(),
            "derivedFrom": [self.study()], "component": self.components(),
        })
    }

    fn components(&self) -> Vec<Value> {
        let quantity = |value: Value, unit: &str, code: &str| json!({"value": value, "unit": unit, "system": coding::UCUM, "code": code});
        let component = |code: &coding::Coding, value: Value| json!({"code": code.concept(), "valueQuantity": value});
        let pixels = quantity(json!(self.finding.pixels), "pixels", "{pixels}");
        let probability = quantity(json!(self.finding.probability_max), "1", "1");
        let area = self
            .finding
            .area_mm2
            .map(|area| component(&coding::SEGMENTED_AREA, quantity(json!(area), "mm2", "mm2")));
        let mut components = vec![
            component(&coding::SEGMENTED_PIXELS, pixels),
            component(&coding::PROBABILITY_MAX, probability),
        ];
        components.extend(area);
        components
    }

    fn report(&self) -> Value {
        json!({
            "resourceType": "DiagnosticReport", "id": self.ids.report, "meta": meta(self.now),
            "extension": [{"url": coding::RECEIPT_EXTENSION, "valueString": self.inference.receipt}],
            "basedOn": [self.order()], "status": "preliminary",
            "category": [coding::RADIOLOGY.concept()], "code": coding::MR_BRAIN.concept(),
            "subject": self.patient(), "encounter": self.encounter(),
            "effectiveDateTime": self.inference.at.rfc3339(), "issued": self.now.rfc3339(),
            "result": [to(ResourceKind::Observation, self.ids.observation)],
            "imagingStudy": [self.study()], "conclusion": self.conclusion(),
            "presentedForm": [self.mask()],
        })
    }

    fn conclusion(&self) -> &'static str {
        if self.finding.pixels > 0 {
            "A model marked a FLAIR abnormality. Not read by a person; not for clinical use."
        } else {
            "A model marked no FLAIR abnormality. Not read by a person; not for clinical use."
        }
    }

    fn mask(&self) -> Value {
        let url = format!("/imaging-studies/{}/mask", self.of.imaging_study);
        json!({"contentType": "image/png", "url": url, "size": self.mask_bytes, "title": "Mask"})
    }

    fn provenance(&self) -> Value {
        let inference = &self.inference;
        json!({
            "resourceType": "Provenance", "id": self.ids.provenance, "meta": meta(self.now),
            "target": [
                to(ResourceKind::DiagnosticReport, self.ids.report),
                to(ResourceKind::Observation, self.ids.observation),
            ],
            "occurredDateTime": inference.at.rfc3339(), "recorded": self.now.rfc3339(),
            "policy": [format!("urn:{}", inference.policy)], "reason": [reason(self.purpose)],
            "activity": coding::CREATE.concept(),
            "agent": [
                {"type": coding::ASSEMBLER.concept(), "who": self.device()},
                {"type": coding::ENTERER.concept(), "who": self.asker()},
            ],
            "entity": [
                {"role": "source", "what": self.study()},
                {"role": "source", "what": self.model()},
            ],
            "signature": [self.signature()],
        })
    }

    fn signature(&self) -> Value {
        json!({
            "type": [coding::SOURCE_SIGNATURE.json()], "when": self.inference.at.rfc3339(),
            "who": self.device(), "targetFormat": "application/json",
            "sigFormat": "application/jose", "data": STANDARD.encode(self.inference.receipt),
        })
    }

    fn model(&self) -> Value {
        let mut model = named("Device", coding::MODEL_SYSTEM, self.inference.model_digest);
        model["display"] = json!(self.inference.model);
        model
    }

    fn device(&self) -> Value {
        let mut device = named("Device", coding::WORKLOAD_SYSTEM, self.inference.workload);
        device["display"] = json!(self.inference.engine);
        device
    }

    fn asker(&self) -> Value {
        named("Practitioner", coding::STAFF_SYSTEM, self.asker)
    }

    fn order(&self) -> Value {
        to(ResourceKind::ServiceRequest, self.of.service_request)
    }

    fn study(&self) -> Value {
        to(ResourceKind::ImagingStudy, self.of.imaging_study)
    }

    fn patient(&self) -> Value {
        to(ResourceKind::Patient, self.of.patient)
    }

    fn encounter(&self) -> Value {
        to(ResourceKind::Encounter, self.of.encounter)
    }
}
