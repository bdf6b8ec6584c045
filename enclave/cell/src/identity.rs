//! The keys that make this life of an enclave this one: signing and sealing keys made at
//! boot and held in memory only, and the public half of its ledger's key. The cell's. No
//! private key leaves the process or reaches a disk.

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use autoclave_attest::jwk::{Jwk, Thumbprint};
use autoclave_attest::nonce::Nonce;
use autoclave_attest::runtime::{LEDGER_KID, Runtime};
use autoclave_base::Digest;
use autoclave_seal::{Kem, PublicSealingKey, SealingKeys};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use crate::Refusal;
use crate::clock::Entropy;
use crate::config::ATTESTOR;

const NOT_READY: Refusal = Refusal::unavailable("cell.not_ready", "The enclave is still starting.");

/// The enclave's keys.
pub(crate) struct Identity {
    signing: SigningKey,
    thumbprint: Thumbprint,
    sealing: RwLock<Arc<SealingKeys>>,
    ledger: [u8; 32],
    jwks: RwLock<Jwks>,
}

/// Whether the runtime object names a key set: the attestor's must, no other may.
#[derive(Clone, Copy)]
enum Jwks {
    None,
    Awaited,
    Known(Digest),
}

impl Identity {
    /// New keys. `ledger` is the public half of the key that signs the ledger.
    pub(crate) fn new(workload: &str, ledger: [u8; 32]) -> Self {
        let signing = SigningKey::generate_from_rng(&mut Entropy);
        let thumbprint = Jwk::signing(signing.verifying_key()).thumbprint();
        let sealing = RwLock::new(Arc::new(SealingKeys::generate(&mut Entropy)));
        let jwks = if workload == ATTESTOR { Jwks::Awaited } else { Jwks::None };
        Self { signing, thumbprint, sealing, ledger, jwks: RwLock::new(jwks) }
    }

    pub(crate) const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(crate) const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The sealing keys of this moment; what was sealed to the ones before still opens.
    pub(crate) fn sealing(&self) -> Arc<SealingKeys> {
        self.sealing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes new sealing keys; the current ones become the previous, and those are retired.
    pub(crate) fn rotate(&self) {
        let mut rotated = SealingKeys::clone(&self.sealing());
        rotated.rotate(&mut Entropy);
        *self.sealing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rotated);
    }

    /// Sets the digest of the key set that this attestor signs tokens with.
    pub(crate) fn set_jwks(&self, digest: Digest) {
        let mut jwks = self.jwks.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*jwks, Jwks::None) {
            *jwks = Jwks::Known(digest);
        }
    }

    /// The runtime object over `nonce`.
    pub(crate) fn runtime(&self, nonce: Nonce) -> Result<Runtime, Refusal> {
        let jwks = *self.jwks.read().unwrap_or_else(PoisonError::into_inner);
        let jwks = match jwks {
            Jwks::None => None,
            Jwks::Awaited => return Err(NOT_READY),
            Jwks::Known(digest) => Some(digest),
        };
        let mut keys = vec![Jwk::signing(self.signing.verifying_key())];
        keys.extend(self.sealing().public().iter().filter_map(jwk));
        keys.push(Jwk::ed25519(LEDGER_KID, self.ledger));
        Runtime::new(nonce, keys, jwks).map_err(|refusal| Refusal::internal(refusal.code()))
    }
}

/// A sealing key as tokens carry it. Keys from [`SealingKeys`] have the right length.
fn jwk(key: &PublicSealingKey) -> Option<Jwk> {
    match key.kem() {
        Kem::XWing => Jwk::xwing(key.key_id(), key.bytes()).ok(),
        Kem::X25519 => Some(Jwk::x25519(key.key_id(), key.bytes().try_into().ok()?)),
    }
}
