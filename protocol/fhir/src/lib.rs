//! FHIR R4 as JSON under the official definitions: documents read without loss, resource
//! types and their elements. It belongs to no
//! party. Nothing here stores, decides or prints a record: trees and documents have neither
//! `Debug` nor `Display`.

pub mod definitions;
mod document;
pub mod json;
mod kind;

pub use definitions::Definitions;
pub use document::{Document, DocumentRefusal, Stamp};
pub use kind::{Kind, KindUnknown};
