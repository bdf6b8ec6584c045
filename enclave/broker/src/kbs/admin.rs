//! Who may set resources: the configured administrators, by a proof for the one request
//! (`DPoP`), or by a bearer token that they sign themselves, as tools for Trustee send it.
//! The institution's. No token that somebody else signed, or that lasts long, counts.

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::dpop;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws::Unverified;
use autoclave_base::{UnixTime, b64};
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Deserialize;

use super::error::KbsRefusal;
use autoclave_cell::administrators::{Administrator, Administrators};

/// What an administrator's token is for, so that no other thing they sign passes for one.
const AUDIENCE: &str = "autoclave-kbs-admin";

/// How long such a token may last: an errand.
const LIFE_SECONDS_MAX: u64 = 3600;

#[derive(Deserialize)]
struct Header {
    jwk: Jwk,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iat: UnixTime,
    exp: UnixTime,
}

/// The administrator who sends a request.
pub(crate) fn prove<'a>(
    administrators: &'a Administrators,
    request: &Parts,
    now: UnixTime,
) -> Result<&'a Administrator, KbsRefusal> {
    if request.headers.contains_key(dpop::HEADER) {
        let proved = administrators.prove(request, now);
        return proved.map_err(|refusal| KbsRefusal::ADMINISTRATOR.caused_by(refusal.code()));
    }
    let token = bearer(request).ok_or(KbsRefusal::ADMINISTRATOR.caused_by("dpop.missing"))?;
    let key = signer(token, now).ok_or(KbsRefusal::ADMINISTRATOR.caused_by("kbs.admin_token"))?;
    let known = administrators.of_key(&key.thumbprint());
    known.ok_or(KbsRefusal::ADMINISTRATOR.caused_by("administrator.unknown"))
}

/// The token of `authorization: Bearer …`.
pub(super) fn bearer(request: &Parts) -> Option<&str> {
    let mut all = request.headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who signed a token that says what it must. The key stands in its header, and who that is
/// the configuration says.
fn signer(token: &str, now: UnixTime) -> Option<Jwk> {
    let parsed = Unverified::parse(token, "JWT").ok()?;
    let header = b64::decode(token.split('.').next()?).ok()?;
    let key = serde_json::from_slice::<Header>(&header).ok()?.jwk;
    let payload = parsed.verify(key.verifying_key()?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let in_time = claims.iat <= now.plus(CLOCK_SKEW_SECONDS)
        && now < claims.exp
        && claims.exp.since(claims.iat) <= LIFE_SECONDS_MAX;
    (claims.aud == AUDIENCE && in_time).then_some(key)
}
