//! The codes that we write into resources, each with its system. They belong to LOINC,
//! SNOMED CT, DICOM, UCUM, HL7 and, where those have no word, to Autoclave. Nothing here
//! translates codes.

use serde_json::{Value, json};

/// Extension: the receipt (compact JWS) of the inference behind a report.
pub const RECEIPT_EXTENSION: &str = "https://autoclave.health/fhir/StructureDefinition/receipt";
/// Extension: the SHA-256 digest of an instance's stored image.
pub const IMAGE_DIGEST_EXTENSION: &str =
    "https://autoclave.health/fhir/StructureDefinition/image-digest";
/// Identifiers of members of staff.
pub const STAFF_SYSTEM: &str = "https://autoclave.health/staff";
/// Names of attested workloads.
pub const WORKLOAD_SYSTEM: &str = "https://autoclave.health/workload";
/// Digests of models.
pub const MODEL_SYSTEM: &str = "https://autoclave.health/model";
/// Names of inference engines.
pub const ENGINE_SYSTEM: &str = "https://autoclave.health/engine";
/// Local numbers of a hospital whose register is not named.
pub(crate) const LOCAL_SYSTEM: &str = "https://autoclave.health/patient";

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const AUTOCLAVE: &str = "https://autoclave.health/fhir/CodeSystem/findings";

/// One code.
pub(crate) struct Coding {
    system: &'static str,
    code: &'static str,
    display: &'static str,
}

impl Coding {
    const fn new(system: &'static str, code: &'static str, display: &'static str) -> Self {
        Self { system, code, display }
    }

    /// As FHIR `Coding`.
    pub(crate) fn json(&self) -> Value {
        json!({"system": self.system, "code": self.code, "display": self.display})
    }

    /// As FHIR `CodeableConcept`.
    pub(crate) fn concept(&self) -> Value {
        json!({"coding": [self.json()], "text": self.display})
    }
}

pub(crate) const MR_BRAIN: Coding = Coding::new(LOINC, "24590-2", "MR Brain");
pub(crate) const IMAGING: Coding = Coding::new(SNOMED, "363679005", "Imaging");
pub(crate) const BRAIN: Coding = Coding::new(SNOMED, "12738006", "Brain structure");
pub(crate) const MODALITY_MR: Coding =
    Coding::new("http://dicom.nema.org/resources/ontology/DCM", "MR", "Magnetic Resonance");
pub(crate) const AMBULATORY: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", "ambulatory");
pub(crate) const RADIOLOGY: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology");
pub(crate) const CATEGORY_IMAGING: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging");
pub(crate) const ASSEMBLER: Coding = Coding::new(
    "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "assembler",
    "Assembler",
);
pub(crate) const ENTERER: Coding = Coding::new(
    "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "enterer",
    "Enterer",
);
pub(crate) const CREATE: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "CREATE", "create");
pub(crate) const SOURCE_SIGNATURE: Coding =
    Coding::new("urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.14", "Source Signature");
pub(crate) const SEGMENTATION: Coding =
    Coding::new(AUTOCLAVE, "flair-abnormality", "FLAIR abnormality segmented on brain MR");
pub(crate) const SEGMENTED_PIXELS: Coding =
    Coding::new(AUTOCLAVE, "segmented-pixels", "Pixels segmented");
pub(crate) const SEGMENTED_AREA: Coding =
    Coding::new(AUTOCLAVE, "segmented-area", "Area segmented");
pub(crate) const PROBABILITY_MAX: Coding =
    Coding::new(AUTOCLAVE, "probability-max", "Highest probability of any pixel");

/// System of HL7's purposes of use.
pub(crate) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// System of units.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
/// DICOM SOP class of MR images, for images that came as DICOM.
pub(crate) const SOP_MR_IMAGE: &str = "urn:oid:1.2.840.10008.5.1.4.1.1.4";
/// DICOM SOP class of secondary captures, for images that came as plain pictures.
pub(crate) const SOP_SECONDARY_CAPTURE: &str = "urn:oid:1.2.840.10008.5.1.4.1.1.7";
