//! Evidence by an Azure confidential VM: its vTPM quotes registers under a key that the
//! paravisor's report vouches for, and the hardware's report vouches for that one. The
//! verifier's; both layers are verified, and the claims say both. No TPM is spoken to.

mod hcl;
mod pcrs;
mod quote;
mod refusal;
mod tdx;
mod trustee;
mod verify;

#[cfg(test)]
mod tests;

pub use hcl::{Hardware, Hcl};
pub use quote::{AzureQuote, PCRS, RuntimeKey};
pub use refusal::AzureRefusal;
pub use tdx::{AzureTdxBody, AzureTdxVerifier};
pub use trustee::read as read_trustee;
pub use verify::{AzureSnpBody, AzureSnpVerifier};
