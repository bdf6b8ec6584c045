//! A FHIR resource that obeys the rules: JSON with a type, an id and a version. It belongs
//! to the patient, hence `Phi`. No other code makes one, so that nothing is filed or sent
//! that was not checked.

use std::fmt;
use std::str::FromStr;

use autoclave_base::{LogSafe, Phi};
use serde_json::Value;

use crate::rules::{self, ResourceRefusal};

/// The text is not the name of a resource type that we keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a resource type that is kept here")]
pub struct ResourceKindUnknown;

/// The resource types that this system keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// `Patient`
    Patient,
    /// `Encounter`
    Encounter,
    /// `ServiceRequest`
    ServiceRequest,
    /// `ImagingStudy`
    ImagingStudy,
    /// `Observation`
    Observation,
    /// `DiagnosticReport`
    DiagnosticReport,
    /// `Provenance`
    Provenance,
}

impl ResourceKind {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Patient,
        Self::Encounter,
        Self::ServiceRequest,
        Self::ImagingStudy,
        Self::Observation,
        Self::DiagnosticReport,
        Self::Provenance,
    ];

    /// FHIR's name of the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Encounter => "Encounter",
            Self::ServiceRequest => "ServiceRequest",
            Self::ImagingStudy => "ImagingStudy",
            Self::Observation => "Observation",
            Self::DiagnosticReport => "DiagnosticReport",
            Self::Provenance => "Provenance",
        }
    }
}

impl FromStr for ResourceKind {
    type Err = ResourceKindUnknown;

    fn from_str(text: &str) -> Result<Self, ResourceKindUnknown> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(ResourceKindUnknown)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl LogSafe for ResourceKind {}

/// A resource that passed the rules of its type.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    kind: ResourceKind,
    id: String,
    version: u32,
    body: Phi<Value>,
}

impl Resource {
    /// Media type of FHIR JSON.
    pub const MEDIA_TYPE: &'static str = "application/fhir+json";

    /// Checks `body` against the rules of its type: known elements only, required ones
    /// present, codes from their value sets, a UUID as id, a version of at least 1.
    pub fn parse(body: Value) -> Result<Self, ResourceRefusal> {
        let kind = kind_of(&body)?;
        rules::check(kind, &body)?;
        let id = text_at(&body, "/id").ok_or(ResourceRefusal::Missing("id"))?.to_owned();
        let version = text_at(&body, "/meta/versionId")
            .and_then(|version| version.parse().ok())
            .filter(|version| *version >= 1)
            .ok_or(ResourceRefusal::Shape("meta.versionId"))?;
        Ok(Self { kind, id, version, body: Phi::new(body) })
    }

    /// As [`Resource::parse`], from stored bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ResourceRefusal> {
        serde_json::from_slice(bytes)
            .map_err(|_| ResourceRefusal::NotAnObject)
            .and_then(Self::parse)
    }

    /// The type.
    pub const fn kind(&self) -> ResourceKind {
        self.kind
    }

    /// The id, a UUID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version, from 1.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// The JSON, to store or answer it; not to log it.
    pub const fn expose(&self) -> &Value {
        self.body.expose()
    }

    /// The JSON as bytes.
    pub fn to_bytes(&self) -> Phi<Vec<u8>> {
        // Writing a `Value` to memory cannot fail.
        Phi::new(serde_json::to_vec(self.body.expose()).unwrap_or_default())
    }
}

fn kind_of(body: &Value) -> Result<ResourceKind, ResourceRefusal> {
    let name = body.as_object().ok_or(ResourceRefusal::NotAnObject)?.get("resourceType");
    let name = name.and_then(Value::as_str).ok_or(ResourceRefusal::Missing("resourceType"))?;
    name.parse().map_err(|_| ResourceRefusal::KindUnknown)
}

fn text_at<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer)?.as_str()
}
