//! FHIR R4 as JSON under the official definitions: documents read without loss, resource
//! types, and (as they grow) definitions, validation and terminology. It belongs to no
//! party. Nothing here stores, decides or prints a record: trees and documents have neither
//! `Debug` nor `Display`.

mod document;
pub mod json;
mod kind;

pub use document::{Document, DocumentRefusal, Stamp};
pub use kind::{Kind, KindUnknown};
