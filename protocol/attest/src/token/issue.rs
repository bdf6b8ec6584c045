//! Issuing a token: only the attestor does.

use autoclave_base::ids::WorkloadName;
use autoclave_base::{UnixTime, b64};
use p256::ecdsa::SigningKey;
use rand_core::CryptoRng;

use super::{
    Confirmation, DebugStatus, PROFILE, Submodule, Submodules, TOKEN_LIFE_SECONDS, TYP,
    TokenClaims, UNKNOWN_WORKLOAD, VerifierId,
};
use crate::appraise::{Appraisal, policy_id};
use crate::evidence::Verified;
use crate::jwk::Jwk;
use crate::jws;
use crate::random_id;
use crate::runtime::Runtime;

/// The attestor as it stands in its tokens.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// `iss`: its public address.
    pub name: &'a str,
    /// Its build, for `ear.verifier-id`.
    pub build: &'a str,
}

/// Everything that one token says. `runtime` must be the object whose report data
/// `verified` was verified against.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    /// Who signs.
    pub issuer: Issuer<'a>,
    /// Who asked.
    pub audience: &'a str,
    /// The evidence.
    pub verified: &'a Verified,
    /// The keys and nonce that it vouches for.
    pub runtime: &'a Runtime,
    /// The verdict.
    pub appraisal: &'a Appraisal,
}

impl Issuance<'_> {
    /// The claims of a token issued at `now`.
    pub fn claims(&self, rng: &mut (impl CryptoRng + ?Sized), now: UnixTime) -> TokenClaims {
        let evidence = self.verified.claims();
        let workload = self.appraisal.workload.as_ref().map(WorkloadName::as_str);
        TokenClaims {
            iss: self.issuer.name.to_owned(),
            sub: workload.unwrap_or(UNKNOWN_WORKLOAD).to_owned(),
            aud: self.audience.to_owned(),
            iat: now,
            nbf: now,
            exp: now.plus(TOKEN_LIFE_SECONDS),
            jti: random_id(rng),
            eat_nonce: *self.runtime.nonce(),
            eat_profile: PROFILE.to_owned(),
            verifier_id: VerifierId {
                developer: "autoclave".to_owned(),
                build: self.issuer.build.to_owned(),
            },
            submods: Submodules { cpu0: self.verdict() },
            cnf: Confirmation { jwk: self.runtime.signing().clone() },
            dbgstat: DebugStatus::from(evidence.debug),
            hw_backed: evidence.hw_backed,
            measurement: evidence.measurement,
            ms_version: "1.0".to_owned(),
            attestation_type: evidence.kind,
            policy_hash: b64::encode(self.appraisal.policy.bytes()),
            runtime: self.runtime.clone(),
        }
    }

    fn verdict(&self) -> Submodule {
        Submodule {
            status: self.appraisal.status,
            vector: self.appraisal.vector,
            policy_id: policy_id(self.appraisal.rules),
            evidence: self.verified.claims().clone().into(),
        }
    }
}

impl TokenClaims {
    /// Signs the claims. The header names the key, and carries it for clients of other
    /// services that look there; ours never do.
    pub fn sign(&self, key: &SigningKey) -> String {
        let kid = Jwk::signing(key.verifying_key()).thumbprint().to_string();
        jws::sign_with_jwk(TYP, Some(&kid), self, key)
    }
}
