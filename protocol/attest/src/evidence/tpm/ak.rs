//! The certificate of an attestation key: an enrolment station's word that the key lives in
//! the TPM of one endorsement certificate. The station's, which made the TPM prove it by
//! credential activation. It names no workload and no measurement.

use autoclave_base::{Digest, UnixTime, b64};
use p256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

use super::AkPublic;
use crate::CLOCK_SKEW_SECONDS;
use crate::evidence::EvidenceRefusal;
use crate::jwk::Jwk;
use crate::jws::{self, JwsRefusal, Unverified};

/// `typ` of an attestation key's certificate.
pub(super) const TYP: &str = "autoclave-tpm-ak+jwt";

/// What a certificate of an attestation key says: a JWS of type `autoclave-tpm-ak+jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AkCertificate {
    /// `TPMT_PUBLIC` of the key.
    #[serde(with = "b64::serde_bytes")]
    pub ak: Vec<u8>,
    /// Digest of the endorsement certificate (DER) of its TPM.
    pub ek: Digest,
    /// When it was signed.
    pub iat: UnixTime,
    /// From when it is not accepted any more.
    pub exp: UnixTime,
}

impl AkCertificate {
    /// Signs it. Only [`super::enrol::certify`] may: what it says must have been proven.
    pub(super) fn sign(&self, issuer: &SigningKey) -> String {
        let kid = Jwk::signing(issuer.verifying_key()).thumbprint().to_string();
        jws::sign(TYP, &kid, self, issuer)
    }

    /// Verifies one under `issuers` at `now`.
    pub(super) fn verify(
        text: &str,
        issuers: &[Jwk],
        now: UnixTime,
    ) -> Result<Self, EvidenceRefusal> {
        let parsed = Unverified::parse(text, TYP).map_err(of_jws)?;
        let kid = parsed.kid().ok_or(EvidenceRefusal::Root)?;
        let key = issuers
            .iter()
            .filter(|issuer| issuer.thumbprint().to_string() == kid)
            .find_map(Jwk::verifying_key)
            .ok_or(EvidenceRefusal::Root)?;
        let payload = parsed.verify(key).map_err(of_jws)?;
        let certificate: Self =
            serde_json::from_slice(&payload).map_err(|_| EvidenceRefusal::TpmAk)?;
        if certificate.iat > now.plus(CLOCK_SKEW_SECONDS) || now >= certificate.exp {
            return Err(EvidenceRefusal::TpmAkValidity);
        }
        Ok(certificate)
    }

    /// The key, if it can do nothing but attest.
    pub(super) fn key(&self) -> Result<AkPublic, EvidenceRefusal> {
        let public = AkPublic::parse(&self.ak).map_err(|_| EvidenceRefusal::TpmAkKey)?;
        if public.only_attests() { Ok(public) } else { Err(EvidenceRefusal::TpmAkKey) }
    }
}

const fn of_jws(_: JwsRefusal) -> EvidenceRefusal {
    EvidenceRefusal::TpmAk
}
