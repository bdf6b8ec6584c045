//! The commands, one module each.
//! They belong to the person at the terminal.
//! Each ends in success only if what it was asked for holds.

pub mod broker;
pub mod certificate;
pub mod code;
pub mod collateral;
mod connect;
pub mod demo;
mod desk;
pub mod diagnose;
pub mod doctor;
pub mod evidence;
pub mod fhir;
pub mod ledger;
pub mod model;
pub mod policy;
pub mod probe;
pub mod receipt;
pub mod records;
pub mod release;
pub mod token;
pub mod tpm;
pub mod witness;
