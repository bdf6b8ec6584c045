//! The routes as clients see them.

mod access;
mod cached;
mod diagnosis;
mod fhir;
mod intake;
mod sign_in;
mod smart;
