//! Verifying a token.

use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime, b64};

use super::{DebugStatus, Expectation, KeySet, PROFILE, TYP, TokenClaims, TokenRefusal};
use crate::CLOCK_SKEW_SECONDS;
use crate::appraise::{Status, digest_under};
use crate::jwk::{Jwk, Thumbprint};
use crate::jws::Unverified;

/// A token that was verified against an [`Expectation`]. Only [`verify`] makes it.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    claims: TokenClaims,
    workload: WorkloadName,
    policy: Digest,
    raw: String,
    digest: Digest,
    thumbprint: Thumbprint,
}

impl VerifiedToken {
    /// What it says.
    pub const fn claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// The JWT.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The digest of the JWT: how ledger, receipts and proofs name it.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Which workload holds it.
    pub const fn workload(&self) -> &WorkloadName {
        &self.workload
    }

    /// The measurement of its holder.
    pub const fn measurement(&self) -> Digest {
        self.claims.measurement
    }

    /// The digest of the policy that the holder was appraised by.
    pub const fn policy(&self) -> Digest {
        self.policy
    }

    /// The key that its holder signs with.
    pub fn signing_key(&self) -> &Jwk {
        self.claims.runtime.signing()
    }

    /// The thumbprint of that key.
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The keys that its holder opens sealed requests with, with their OHTTP key ids.
    pub fn sealing_keys(&self) -> impl Iterator<Item = (u8, &Jwk)> {
        self.claims.runtime.sealing()
    }

    /// The Ed25519 key of its holder's ledger.
    pub fn ledger_key(&self) -> Option<[u8; 32]> {
        self.claims.runtime.ledger()
    }

    /// From when it is not accepted any more.
    pub const fn expires(&self) -> UnixTime {
        self.claims.exp
    }

    /// Whether it is accepted at `now`: what of [`verify`] depends on the time.
    pub(super) fn in_time(
        &self,
        expected: &Expectation,
        now: UnixTime,
    ) -> Result<(), TokenRefusal> {
        times(&self.claims, expected, now)
    }
}

/// Checks `jwt` against the attestor's keys and what is expected, at `now`.
pub fn verify(
    jwt: &str,
    keys: &KeySet,
    expected: &Expectation,
    now: UnixTime,
) -> Result<VerifiedToken, TokenRefusal> {
    let parsed = Unverified::parse(jwt, TYP)?;
    let key = parsed.kid().and_then(|kid| keys.find(kid)).ok_or(TokenRefusal::KeyUnknown)?;
    let payload = parsed.verify(key)?;
    let claims: TokenClaims =
        serde_json::from_slice(&payload).map_err(|_| TokenRefusal::Malformed)?;
    let policy = consistent(&claims)?;
    parties(&claims, expected)?;
    times(&claims, expected, now)?;
    bindings(&claims, expected)?;
    verdict(&claims, expected, policy)?;
    let workload = WorkloadName::parse(&claims.sub).map_err(|_| TokenRefusal::Malformed)?;
    let thumbprint = claims.runtime.thumbprint();
    let digest = Digest::of(jwt);
    Ok(VerifiedToken { claims, workload, policy, raw: jwt.to_owned(), digest, thumbprint })
}

/// What stands twice in a token must be the same twice: readers may look at either.
fn consistent(claims: &TokenClaims) -> Result<Digest, TokenRefusal> {
    let evidence = claims.submods.cpu0.evidence.claims();
    let same = claims.eat_profile == PROFILE
        && claims.eat_nonce == *claims.runtime.nonce()
        && claims.cnf.jwk == *claims.runtime.signing()
        && claims.measurement == evidence.measurement
        && claims.hw_backed == evidence.hw_backed
        && claims.attestation_type == evidence.kind
        && claims.submods.cpu0.evidence.kind() == evidence.kind
        && evidence.are_consistent()
        && claims.dbgstat == DebugStatus::from(evidence.debug);
    let policy = b64::decode_array(&claims.policy_hash).ok();
    policy.filter(|_| same).map(Digest::from_bytes).ok_or(TokenRefusal::Malformed)
}

fn parties(claims: &TokenClaims, expected: &Expectation) -> Result<(), TokenRefusal> {
    if claims.iss != expected.issuer {
        return Err(TokenRefusal::Issuer);
    }
    if claims.aud != expected.audience {
        return Err(TokenRefusal::Audience);
    }
    Ok(())
}

fn times(claims: &TokenClaims, expected: &Expectation, now: UnixTime) -> Result<(), TokenRefusal> {
    let latest = now.plus(CLOCK_SKEW_SECONDS);
    if claims.nbf > latest || claims.iat > latest {
        return Err(TokenRefusal::NotYetValid);
    }
    let too_old = |age_max| now > claims.iat.plus(age_max);
    if now >= claims.exp || expected.age_max_seconds.is_some_and(too_old) {
        return Err(TokenRefusal::Expired);
    }
    Ok(())
}

fn bindings(claims: &TokenClaims, expected: &Expectation) -> Result<(), TokenRefusal> {
    if expected.nonce.is_some_and(|nonce| nonce != claims.eat_nonce) {
        return Err(TokenRefusal::Nonce);
    }
    if expected.signing_key.is_some_and(|key| key != claims.runtime.thumbprint()) {
        return Err(TokenRefusal::KeyBinding);
    }
    Ok(())
}

fn verdict(
    claims: &TokenClaims,
    expected: &Expectation,
    policy: Digest,
) -> Result<(), TokenRefusal> {
    if claims.dbgstat == DebugStatus::Enabled {
        return Err(TokenRefusal::Debug);
    }
    if expected.hardware_required && !claims.hw_backed {
        return Err(TokenRefusal::HardwareRequired);
    }
    let known = |all: &std::collections::BTreeSet<Digest>| all.contains(&claims.measurement);
    if !expected.measurements.as_ref().is_none_or(known) {
        return Err(TokenRefusal::Measurement);
    }
    if claims.submods.cpu0.status != Status::Affirming {
        return Err(TokenRefusal::NotAffirming);
    }
    if expected.workload.as_ref().is_some_and(|name| name.as_str() != claims.sub) {
        return Err(TokenRefusal::Workload);
    }
    let policy_id = &claims.submods.cpu0.policy_id;
    let made_by = |one: &Digest| digest_under(*one, policy_id) == Some(policy);
    if !expected.policies.as_ref().is_none_or(|all| all.iter().any(made_by)) {
        return Err(TokenRefusal::Policy);
    }
    Ok(())
}
