//! Who may change policies: the holder of a key that the configuration names, by a token of
//! their own that says so, for a short time and for this attestor alone. Clients of Azure send
//! it as their credential. Where no key is named, nobody may.

use autoclave_attest::CLOCK_SKEW_SECONDS;
use autoclave_attest::jwk::Jwk;
use autoclave_attest::jws::Unverified;
use autoclave_base::UnixTime;
use autoclave_cell::Refusal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;

use super::error::AzureError;
use crate::service::Attestor;

/// `typ` of an administrator's token.
pub(crate) const TYP: &str = "autoclave-administrator+jwt";

/// What it must say that it is for.
pub(crate) const SCOPE: &str = "azure-policies";

/// Longest life of such a token (seconds).
pub(super) const LIFE_SECONDS_MAX: u64 = 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    aud: String,
    scope: String,
    iat: UnixTime,
    exp: UnixTime,
    #[serde(rename = "sub")]
    _sub: Option<String>,
    #[serde(rename = "jti")]
    _jti: Option<String>,
}

const MISSING: Refusal =
    Refusal::unauthenticated("azure.unauthenticated", "An administrator's token is missing.");
const REFUSED: Refusal =
    Refusal::forbidden("azure.forbidden", "The token is not one of an administrator.");

impl Attestor {
    /// Lets administrators pass.
    pub(super) fn administrator(&self, headers: &HeaderMap) -> Result<(), AzureError> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(MISSING)?;
        let known = &self.azure.settings.administrators;
        let claims = verified(token, known).ok_or(REFUSED)?;
        let now = self.cell().now();
        let timely = claims.iat <= now.plus(CLOCK_SKEW_SECONDS)
            && now < claims.exp
            && claims.exp.since(claims.iat) <= LIFE_SECONDS_MAX;
        if timely && claims.aud == self.issuer() && claims.scope == SCOPE {
            return Ok(());
        }
        Err(REFUSED.into())
    }
}

/// The claims of a token by one of the keys.
fn verified(token: &str, known: &[Jwk]) -> Option<Claims> {
    let unverified = Unverified::parse(token, TYP).ok()?;
    let kid = unverified.kid()?.to_owned();
    let key = known.iter().find(|key| key.thumbprint().to_string() == kid)?;
    let payload = unverified.verify(key.verifying_key()?).ok()?;
    serde_json::from_slice(&payload).ok()
}
