//! The clinic: patients, their records and images, the staff who may see them, and the
//! diagnosis that is asked for. It is the platform vendor's code and the hospital's data.
//! Nothing leaves it but to a person in a session whose rules permit it, after its ledger
//! line; nothing is stored that its patient's key does not seal.

mod auth;
mod boot;
mod cached;
mod clinic;
mod config;
mod diagnosis;
mod fhir;
mod http;
mod image;
mod keys;
mod outside;
mod permit;
mod places;
mod smart;
mod store;

#[cfg(test)]
mod fixtures;

pub use boot::build;
pub use clinic::{Clinic, ClinicError};
pub use config::Settings;
pub use diagnosis::AnswerRefusal;
pub use http::routes;
pub use image::ImageType;
pub use keys::{RecordsKeys, SealBroken};
pub use outside::{LedgerHead, Outside, PeerAnswer, Vouched};
pub use permit::DEFAULT_RULES;
pub use smart::{ClientKind, ClientSettings, SettingsRefusal, SmartSettings};
pub use store::{Presence, Store, StoreError};
