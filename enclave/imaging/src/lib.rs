//! `DICOMweb` (STOW-RS, QIDO-RS, WADO-RS) over sealed blobs, and DICOM SEG for a diagnosis's
//! mask. The hospital's images. No pixel is on a disk that its patient's key does not seal.

pub mod blobs;
pub mod body;
pub mod bulk;
pub mod capture;
pub mod dataset;
pub mod dicomweb;
pub mod entry;
pub mod fault;
pub mod identity;
pub mod instance;
pub mod json;
pub mod made;
pub mod media;
pub mod multipart;
pub mod path;
pub mod qido;
pub mod query;
pub mod render;
pub mod search;
pub mod seg;
pub mod shelf;
pub mod study;
mod text;
pub mod uid;

pub use blobs::{BlobError, Blobs, MemoryBlobs, Owner};
pub use body::{Body, BrokenOff, Chunks};
pub use dicomweb::{DicomRequest, Dicomweb, Settings};
pub use fault::Fault;
pub use identity::Identities;
pub use instance::{Instance, InstanceRefusal, Pixels};
pub use uid::{Uid, UidError};
