//! The guest that a token of the attestor's speaks of: signed by a key that the attestor's
//! evidence vouches for, for this service, over a nonce that was given out here, in time.
//! The broker's. Only [`verify`] makes one, from a token; sessions remember it, sealed.

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::jws::{JwsRefusal, Unverified};
use autoclave_attest::token::KeySet;
use autoclave_base::ids::WorkloadName;
use autoclave_base::{Digest, UnixTime, b64};
use autoclave_cell::policy::Thing;
use autoclave_seal::jwe::TeePubKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::nonce::{self, NonceKey};
use crate::revoke::{Entry, Revoked};

/// `eat_profile` of the tokens that Trustee's relying parties read.
const PROFILE: &str = "tag:github.com,2024:confidential-containers/Trustee";

/// What every token is.
const TYP: &str = "JWT";

/// Members of the annotated evidence that are not the kind of TEE.
const COMMON: [&str; 4] = ["report_data", "runtime_data_claims", "init_data", "init_data_claims"];

/// Longest digest of init data that rules can compare: SHA-512 in hexadecimal digits.
const INIT_DATA_BYTES_MAX: usize = 128;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuestRefusal {
    #[error(transparent)]
    Jws(#[from] JwsRefusal),
    #[error("the token is malformed, or of another profile")]
    Malformed,
    #[error("the token's key is not one of the attestor's")]
    KeyUnknown,
    #[error("the token is by another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token has expired")]
    Expired,
    #[error("the token is over a nonce that was not given out here")]
    Nonce,
    #[error("the token is not backed by hardware")]
    HardwareRequired,
}

impl GuestRefusal {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Jws(refusal) => refusal.code(),
            Self::Malformed => "token.malformed",
            Self::KeyUnknown => "token.key_unknown",
            Self::Issuer => "token.issuer",
            Self::Audience => "token.audience",
            Self::NotYetValid => "token.not_yet_valid",
            Self::Expired => "token.expired",
            Self::Nonce => "token.nonce",
            Self::HardwareRequired => "token.hardware_required",
        }
    }
}

/// Whose signature counts, and under which name.
#[derive(Debug, Clone)]
pub(crate) struct Trusted {
    pub(crate) keys: KeySet,
    pub(crate) issuer: String,
}

/// What a token must say.
pub(crate) struct Wanted<'a> {
    pub(crate) trusted: &'a Trusted,
    pub(crate) audience: &'a str,
    pub(crate) hardware_required: bool,
    pub(crate) nonces: &'a NonceKey,
}

/// A guest that was attested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) hw_backed: bool,
    pub(crate) debug: bool,
    pub(crate) measurement: Digest,
    pub(crate) workload: WorkloadName,
    pub(crate) appraisal: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) init_data: Option<String>,
    /// The name of its token, by which that can be revoked.
    pub(crate) jti: String,
    pub(crate) token: Digest,
    pub(crate) nonce: String,
    pub(crate) key: TeePubKey,
    pub(crate) until: UnixTime,
}

/// The claims that are read. Others are for others.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    nbf: UnixTime,
    iat: UnixTime,
    exp: UnixTime,
    jti: String,
    eat_profile: String,
    eat_nonce: String,
    hw_backed: bool,
    dbgstat: String,
    measurement: Digest,
    #[serde(rename = "x-ms-policy-hash")]
    policy_hash: String,
    submods: Submodules,
}

#[derive(Deserialize)]
struct Submodules {
    cpu0: Submodule,
}

#[derive(Deserialize)]
struct Submodule {
    #[serde(rename = "ear.status")]
    status: String,
    #[serde(rename = "ear.veraison.annotated-evidence")]
    evidence: Map<String, Value>,
}

/// What the evidence vouched for.
#[derive(Deserialize)]
struct Runtime {
    nonce: String,
    #[serde(rename = "tee-pubkey")]
    tee_pubkey: TeePubKey,
}

/// Checks a token, and takes from it what rules and wrapping need.
pub(crate) fn verify(
    token: &str,
    wanted: &Wanted<'_>,
    now: UnixTime,
) -> Result<Guest, GuestRefusal> {
    let parsed = Unverified::parse(token, TYP)?;
    let key = parsed.kid().and_then(|kid| wanted.trusted.keys.find(kid));
    let payload = parsed.verify(key.ok_or(GuestRefusal::KeyUnknown)?)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| GuestRefusal::Malformed)?;
    expected(&claims, wanted, now)?;
    let runtime = claims.submods.cpu0.evidence.get("runtime_data_claims");
    let runtime = Runtime::deserialize(runtime.ok_or(GuestRefusal::Malformed)?);
    let runtime = runtime.map_err(|_| GuestRefusal::Malformed)?;
    if runtime.nonce != claims.eat_nonce {
        return Err(GuestRefusal::Nonce);
    }
    guest(claims, runtime, Digest::of(token)).ok_or(GuestRefusal::Malformed)
}

fn expected(claims: &Claims, wanted: &Wanted<'_>, now: UnixTime) -> Result<(), GuestRefusal> {
    if claims.eat_profile != PROFILE {
        return Err(GuestRefusal::Malformed);
    }
    if claims.iss != wanted.trusted.issuer {
        return Err(GuestRefusal::Issuer);
    }
    if claims.aud != wanted.audience {
        return Err(GuestRefusal::Audience);
    }
    let latest = now.plus(CLOCK_SKEW_SECONDS);
    if claims.nbf > latest || claims.iat > latest {
        return Err(GuestRefusal::NotYetValid);
    }
    if now >= claims.exp {
        return Err(GuestRefusal::Expired);
    }
    let issued = wanted.nonces.issued_at(&claims.eat_nonce).ok_or(GuestRefusal::Nonce)?;
    let last = issued.plus(nonce::SECONDS).plus(CLOCK_SKEW_SECONDS);
    if claims.iat > last || claims.iat.plus(CLOCK_SKEW_SECONDS) < issued {
        return Err(GuestRefusal::Nonce);
    }
    if wanted.hardware_required && !claims.hw_backed {
        return Err(GuestRefusal::HardwareRequired);
    }
    Ok(())
}

fn guest(claims: Claims, runtime: Runtime, token: Digest) -> Option<Guest> {
    let Submodule { status, evidence } = claims.submods.cpu0;
    let mut kinds = evidence.keys().filter(|name| !COMMON.contains(&name.as_str()));
    let kind = kinds.next().filter(|_| kinds.next().is_none())?.clone();
    let init_data = evidence.get("init_data").and_then(Value::as_str).map(str::to_owned);
    Some(Guest {
        kind,
        status,
        hw_backed: claims.hw_backed,
        debug: claims.dbgstat != "disabled",
        measurement: claims.measurement,
        workload: WorkloadName::parse(&claims.sub).ok()?,
        appraisal: Digest::from_bytes(b64::decode_array(&claims.policy_hash).ok()?),
        init_data: init_data.filter(|text| text.len() <= INIT_DATA_BYTES_MAX),
        jti: claims.jti,
        token,
        nonce: runtime.nonce,
        key: runtime.tee_pubkey,
        until: claims.exp,
    })
}

impl Guest {
    /// What the guest falls under of all that its institution trusts no more.
    pub(crate) fn revoked_by<'a>(&self, revoked: &'a Revoked) -> Option<&'a Entry> {
        revoked.hit_by(&self.workload, self.measurement, &self.jti)
    }

    /// The guest as rules see it.
    pub(crate) fn thing(&self) -> Thing {
        let thing = Thing::new("Guest", self.token)
            .with("kind", self.kind.as_str())
            .with("status", self.status.as_str())
            .with("hw_backed", self.hw_backed)
            .with("debug", self.debug)
            .with("measurement", self.measurement.to_string())
            .with("workload", self.workload.as_str())
            .with("appraisal", self.appraisal.to_string());
        match &self.init_data {
            Some(digest) => thing.with("init_data", digest.as_str()),
            None => thing,
        }
    }
}
