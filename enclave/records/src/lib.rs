//! The sealed FHIR store, and the FHIR server over it: the clinic's records. The hospital's
//! data. Nothing is stored that its patient's key does not seal, nothing is read without a
//! decision and its ledger line, and no handler here knows a door.

pub mod keys;
pub mod operations;
pub mod server;
pub mod store;
mod tenant;
pub mod visible;

pub use tenant::Tenant;
