//! Enrolment of a TPM: how a station comes to certify an attestation key. The TPM shows its
//! endorsement certificate and the key; the station sends a secret that only the TPM of
//! that certificate can open, and only if it holds that key; the right answer earns the
//! certificate. Randomness and time are arguments; carrying the messages is the caller's.

mod answer;
mod credential;

use autoclave_base::{Digest, Secret, UnixTime, b64};
use p256::ecdsa::SigningKey;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

pub use answer::Answer;

use super::ak::AkCertificate;
use super::wire::AkPublic;
use super::{RootRefusal, chain, fields, root};
use crate::evidence::EvidenceRefusal;

/// Bytes of the secret in a challenge, hence of the answer: a TPM takes up to the size of
/// the digest that names the endorsement key.
pub const ANSWER_BYTES: usize = 32;

/// What a TPM shows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The endorsement certificate (DER) of an RSA-2048 key made from the TCG's default
    /// template L-1, and its intermediates up to, not including, a root.
    #[serde(with = "fields::list")]
    pub ek_chain: Vec<Vec<u8>>,
    /// `TPMT_PUBLIC` of the attestation key (as `TPM2_ReadPublic` answers it, without the
    /// size in front).
    #[serde(with = "b64::serde_bytes")]
    pub ak_public: Vec<u8>,
}

/// What the TPM must open: the two parameters of `TPM2_ActivateCredential`, each with its
/// size in front, as they stand in the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// `TPM2B_ID_OBJECT`
    #[serde(with = "b64::serde_bytes")]
    pub credential_blob: Vec<u8>,
    /// `TPM2B_ENCRYPTED_SECRET`
    #[serde(with = "b64::serde_bytes")]
    pub secret_enc: Vec<u8>,
}

/// What the station keeps until the answer comes. It cannot be printed or sent.
pub struct Expected {
    secret: Secret<[u8; ANSWER_BYTES]>,
    ak: Vec<u8>,
    ek: Digest,
}

/// Why a TPM is not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnrolRefusal {
    /// The station's own roots are none.
    #[error("the station's endorsement roots are refused: {0}")]
    Roots(#[from] RootRefusal),
    /// The endorsement chain or the attestation key is refused.
    #[error("the TPM's identity is refused: {0}")]
    Identity(#[from] EvidenceRefusal),
    /// The endorsement key is not RSA-2048.
    #[error("the endorsement key is not an RSA key of 2048 bits")]
    EndorsementKey,
    /// The answer is not the secret: another TPM, or another key.
    #[error("the TPM did not open the challenge")]
    Answer,
}

impl EnrolRefusal {
    /// The stable code; a refusal further in has its own.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Roots(refusal) => refusal.code(),
            Self::Identity(refusal) => refusal.code(),
            Self::EndorsementKey => "enrol.endorsement_key",
            Self::Answer => "enrol.answer",
        }
    }
}

/// Checks the identity of a TPM under `ek_roots` (DER) and makes a challenge for it
/// (`TPM2_MakeCredential`, Part 1, section 24).
pub fn challenge(
    identity: &Identity,
    ek_roots: &[Vec<u8>],
    rng: &mut (impl CryptoRng + ?Sized),
    now: UnixTime,
) -> Result<(Challenge, Expected), EnrolRefusal> {
    let endorsed = chain::verify(&identity.ek_chain, &root::roots(ek_roots)?, now)?;
    let ak = AkPublic::parse(&identity.ak_public).map_err(|_| EvidenceRefusal::TpmAkKey)?;
    if !ak.only_attests() {
        return Err(EvidenceRefusal::TpmAkKey.into());
    }
    let key = endorsed.leaf.rsa_key().and_then(credential::EndorsementKey::parse);
    let key = key.ok_or(EnrolRefusal::EndorsementKey)?;
    let mut secret = [0; ANSWER_BYTES];
    rng.fill_bytes(&mut secret);
    let secret = Secret::new(secret);
    let challenge = credential::make(&key, ak.name(), &secret, rng);
    Ok((challenge, Expected { secret, ak: identity.ak_public.clone(), ek: endorsed.digest() }))
}

/// Certifies the attestation key, if `answer` is what `TPM2_ActivateCredential` gave:
/// a JWS that ends after `life_seconds`.
pub fn certify(
    expected: Expected,
    answer: &Secret<[u8; ANSWER_BYTES]>,
    issuer: &SigningKey,
    life_seconds: u64,
    now: UnixTime,
) -> Result<String, EnrolRefusal> {
    if !expected.secret.same_as(answer) {
        return Err(EnrolRefusal::Answer);
    }
    let certificate =
        AkCertificate { ak: expected.ak, ek: expected.ek, iat: now, exp: now.plus(life_seconds) };
    Ok(certificate.sign(issuer))
}
