//! The attestation service: issues nonces, appraises evidence by the release manifest, and
//! signs tokens that say what it found. It is an enclave like those that it appraises, and
//! its own evidence vouches for the keys it signs with. No token leaves before its verdict
//! is a durable line of the ledger, and no nonce is accepted twice.
//!
//! The appraisal policy is the text [`autoclave_attest::appraise::POLICY_TEXT`] together
//! with the release manifest; the policy hash in tokens is the digest of both
//! ([`autoclave_attest::appraise::policy_digest`]), so that a relying party that has the
//! manifest can compute it, and a new manifest is a new policy. Governed Cedar rules may
//! refuse more; their digest stands in the policy's name and enters the hash.

mod azure;
mod endorsements;
mod foreign;
mod governed;
mod keeper;
pub mod keyring;
mod keys;
mod policy;
mod references;
mod refusal;
mod routes;
mod service;
mod settings;
mod signing;
mod trustee;
mod veraison;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use autoclave_cell::{BootError, Cell, Routes};

pub use azure::AzureSettings;
pub use settings::Settings;

use references::References;
use service::Attestor;

/// Builds the role: opens keys and manifest, and begins to keep both fresh.
pub async fn build(cell: Arc<Cell>, settings: Settings) -> Result<Routes, BootError> {
    let signers = settings.attestor.corim_signers.clone();
    let references = Arc::new(References::open(&cell, signers)?);
    let attestor = Arc::new(Attestor::open(cell, settings).await?);
    keeper::spawn(&attestor);
    let governed = attestor.governance.routes();
    let plain = routes::routes(attestor).merge(references::routes(references));
    Ok(Routes::sealed(governed).with_plain(plain))
}
