//! The elements of each type, as HL7's structure definitions of R4 (4.0.1) require them,
//! narrowed to those that we write. It belongs to the rules above. No element stands here
//! that no builder or reader uses.

use super::{Element, Shape};
use crate::resource::ResourceKind;

const fn may(name: &'static str, shape: Shape) -> Element {
    Element { name, required: false, list: false, shape }
}

const fn must(name: &'static str, shape: Shape) -> Element {
    Element { name, required: true, list: false, shape }
}

const fn many(name: &'static str, shape: Shape) -> Element {
    Element { name, required: false, list: true, shape }
}

const fn some(name: &'static str, shape: Shape) -> Element {
    Element { name, required: true, list: true, shape }
}

/// The elements of `kind`.
pub(super) const fn elements(kind: ResourceKind) -> &'static [Element] {
    match kind {
        ResourceKind::Patient => PATIENT,
        ResourceKind::Encounter => ENCOUNTER,
        ResourceKind::ServiceRequest => SERVICE_REQUEST,
        ResourceKind::ImagingStudy => IMAGING_STUDY,
        ResourceKind::Observation => OBSERVATION,
        ResourceKind::DiagnosticReport => DIAGNOSTIC_REPORT,
        ResourceKind::Provenance => PROVENANCE,
    }
}

static CODING: &[Element] = &[
    must("system", Shape::Uri),
    must("code", Shape::Code),
    may("display", Shape::Text),
    may("version", Shape::Text),
];
static CONCEPT: &[Element] = &[many("coding", Shape::Object(CODING)), may("text", Shape::Text)];
static IDENTIFIER: &[Element] = &[
    may("use", Shape::OneOf(&["usual", "official", "temp", "secondary", "old"])),
    may("system", Shape::Uri),
    must("value", Shape::Text),
];
pub(super) static REFERENCE: &[Element] = &[
    may("reference", Shape::Text),
    may("type", Shape::Uri),
    may("identifier", Shape::Object(IDENTIFIER)),
    may("display", Shape::Text),
];
pub(super) static EXTENSION: &[Element] = &[
    must("url", Shape::Uri),
    may("valueString", Shape::Text),
    may("valueUri", Shape::Uri),
    may("valueCode", Shape::Code),
    may("valueBase64Binary", Shape::Base64),
];
static META: &[Element] = &[
    must("versionId", Shape::Text),
    must("lastUpdated", Shape::Instant),
    many("security", Shape::Object(CODING)),
];
static QUANTITY: &[Element] = &[
    must("value", Shape::Decimal),
    may("unit", Shape::Text),
    may("system", Shape::Uri),
    may("code", Shape::Code),
];
static PERIOD: &[Element] = &[may("start", Shape::DateTime), may("end", Shape::DateTime)];

static PATIENT: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    many("identifier", Shape::Object(IDENTIFIER)),
    may("active", Shape::Flag),
    some("name", Shape::Object(HUMAN_NAME)),
    may("gender", Shape::OneOf(&["male", "female", "other", "unknown"])),
    may("birthDate", Shape::Date),
];
static HUMAN_NAME: &[Element] = &[
    may(
        "use",
        Shape::OneOf(&["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"]),
    ),
    may("family", Shape::Text),
    many("given", Shape::Text),
];

static ENCOUNTER: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    must("status", Shape::OneOf(ENCOUNTER_STATUS)),
    must("class", Shape::Object(CODING)),
    must("subject", Shape::Reference),
    may("period", Shape::Object(PERIOD)),
    many("reasonCode", Shape::Object(CONCEPT)),
];
const ENCOUNTER_STATUS: &[&str] = &[
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
];

static SERVICE_REQUEST: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    must("status", Shape::OneOf(REQUEST_STATUS)),
    must("intent", Shape::OneOf(REQUEST_INTENT)),
    many("category", Shape::Object(CONCEPT)),
    may("code", Shape::Object(CONCEPT)),
    must("subject", Shape::Reference),
    may("encounter", Shape::Reference),
    may("authoredOn", Shape::DateTime),
    may("requester", Shape::Reference),
    many("bodySite", Shape::Object(CONCEPT)),
];
const REQUEST_STATUS: &[&str] =
    &["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"];
const REQUEST_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];

static IMAGING_STUDY: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    many("identifier", Shape::Object(IDENTIFIER)),
    must(
        "status",
        Shape::OneOf(&["registered", "available", "cancelled", "entered-in-error", "unknown"]),
    ),
    many("modality", Shape::Object(CODING)),
    must("subject", Shape::Reference),
    may("encounter", Shape::Reference),
    may("started", Shape::DateTime),
    many("basedOn", Shape::Reference),
    may("numberOfSeries", Shape::Count),
    may("numberOfInstances", Shape::Count),
    many("series", Shape::Object(SERIES)),
];
static SERIES: &[Element] = &[
    must("uid", Shape::Uri),
    may("number", Shape::Count),
    must("modality", Shape::Object(CODING)),
    may("numberOfInstances", Shape::Count),
    may("bodySite", Shape::Object(CODING)),
    many("instance", Shape::Object(INSTANCE)),
];
static INSTANCE: &[Element] = &[
    many("extension", Shape::Extension),
    must("uid", Shape::Uri),
    must("sopClass", Shape::Object(CODING)),
    may("number", Shape::Count),
    may("title", Shape::Text),
];

static OBSERVATION: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    many("basedOn", Shape::Reference),
    must("status", Shape::OneOf(OBSERVATION_STATUS)),
    many("category", Shape::Object(CONCEPT)),
    must("code", Shape::Object(CONCEPT)),
    must("subject", Shape::Reference),
    may("encounter", Shape::Reference),
    may("effectiveDateTime", Shape::DateTime),
    may("issued", Shape::Instant),
    may("valueBoolean", Shape::Flag),
    may("bodySite", Shape::Object(CONCEPT)),
    may("device", Shape::Reference),
    many("derivedFrom", Shape::Reference),
    many("component", Shape::Object(COMPONENT)),
];
static COMPONENT: &[Element] =
    &[must("code", Shape::Object(CONCEPT)), may("valueQuantity", Shape::Object(QUANTITY))];
const OBSERVATION_STATUS: &[&str] = &[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
];

static DIAGNOSTIC_REPORT: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    many("extension", Shape::Extension),
    many("basedOn", Shape::Reference),
    must("status", Shape::OneOf(REPORT_STATUS)),
    many("category", Shape::Object(CONCEPT)),
    must("code", Shape::Object(CONCEPT)),
    must("subject", Shape::Reference),
    may("encounter", Shape::Reference),
    may("effectiveDateTime", Shape::DateTime),
    may("issued", Shape::Instant),
    many("performer", Shape::Reference),
    many("result", Shape::Reference),
    many("imagingStudy", Shape::Reference),
    may("conclusion", Shape::Text),
    many("presentedForm", Shape::Object(ATTACHMENT)),
];
static ATTACHMENT: &[Element] = &[
    must("contentType", Shape::Code),
    must("url", Shape::Uri),
    may("size", Shape::Count),
    may("title", Shape::Text),
];
const REPORT_STATUS: &[&str] = &[
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
];

static PROVENANCE: &[Element] = &[
    must("id", Shape::Id),
    must("meta", Shape::Object(META)),
    some("target", Shape::Reference),
    may("occurredDateTime", Shape::DateTime),
    must("recorded", Shape::Instant),
    many("policy", Shape::Uri),
    many("reason", Shape::Object(CONCEPT)),
    may("activity", Shape::Object(CONCEPT)),
    some("agent", Shape::Object(AGENT)),
    many("entity", Shape::Object(ENTITY)),
    many("signature", Shape::Object(SIGNATURE)),
];
static AGENT: &[Element] = &[may("type", Shape::Object(CONCEPT)), must("who", Shape::Reference)];
static ENTITY: &[Element] = &[
    must("role", Shape::OneOf(&["derivation", "revision", "quotation", "source", "removal"])),
    must("what", Shape::Reference),
];
static SIGNATURE: &[Element] = &[
    some("type", Shape::Object(CODING)),
    must("when", Shape::Instant),
    must("who", Shape::Reference),
    may("targetFormat", Shape::Code),
    may("sigFormat", Shape::Code),
    may("data", Shape::Base64),
];
