//! Secure key release as Azure Key Vault speaks it, so that its clients work unchanged:
//! management of keys with release policies, and `release` for a token of an authority. The
//! data owners'. A key leaves by the one way that all keys leave by ([`crate::release`]),
//! wrapped to the RSA key in the token, and never to whoever holds the bearer alone.
//!
//! The routes are those of `/keys` and `/deletedkeys` whose query names an `api-version`,
//! on the direct door: the client library insists on TLS. The institution is the bearer's;
//! where the vault's address has a host for each institution, the host must agree.

mod answer;
mod bearer;
mod config;
mod error;
mod handle;
mod jwk;
pub mod policy;
mod routes;
pub mod rsa;
mod token;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use bearer::Bearers;
pub use bearer::{BEARER_SECONDS_MAX, BEARER_TYP};
pub use config::{Authority, KeyVaultSettings};
pub(crate) use routes::{is_meant, serve};
pub use token::{AuthorityToken, TokenRefusal};
