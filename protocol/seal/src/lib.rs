//! Everything that Autoclave seals: requests and answers ([`request`]), keys on their way
//! to attested code ([`wrap`], [`jwe`]), files at rest ([`file`]), and the keys for all of them
//! ([`keys`], [`kdf`]). The rules belong to all parties alike, and every bound is a named
//! constant. No I/O, no clock and no runtime live here: streams are `futures` adapters, and
//! the time is an argument.

pub mod file;
pub mod fresh;
pub mod gcm;
pub mod jwe;
pub mod kdf;
pub mod keys;
pub mod request;
pub mod wrap;

#[cfg(test)]
mod fixtures;
mod suite;

pub use keys::{PublicSealingKey, SealingKeys};
pub use suite::Kem;
