//! Evidence by AMD SEV-SNP: a report of the secure processor about a guest, signed by a key
//! that AMD certified for this chip, or for a cloud provider, at these security versions.
//! The rules are the verifier's, under root keys that are pinned here. The firmware's
//! tables and a guest's devices are not spoken to.

mod chain;
mod crl;
mod policy;
mod product;
mod refusal;
mod report;
mod signature;
mod vek;
mod verifier;
mod verify;

#[cfg(test)]
pub(in crate::evidence) mod tests;

pub use crl::CrlFacts;
pub use policy::SnpPolicy;
pub use product::{Product, TcbParts};
pub use refusal::SnpRefusal;
pub use report::{KeyKind, REPORT_BYTES, Report};
pub use signature::{SIGNATURE_BYTES, is_signed};
pub use vek::VekFacts;
pub use verifier::{SnpBody, SnpVerifier};

pub(in crate::evidence) use verifier::{optional, verify_body};
pub(in crate::evidence) use verify::SnpRoots;
