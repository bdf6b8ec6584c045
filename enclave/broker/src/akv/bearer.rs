//! Who calls: the holder of a bearer token that an administrator, or a caller of the
//! configuration, signed with the key whose thumbprint stands there. A bearer can be used
//! by whoever has it until it ends, which is how clients of Azure Key Vault work; it goes
//! through the attested TLS door only, and no key is ever released to it.

use autoclave_attest::jwk::Thumbprint;
use autoclave_attest::jws::Unverified;
use autoclave_base::UnixTime;
use autoclave_cell::administrators::{Administrator, Administrators};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;

use super::config::KeyVaultSettings;
use super::error::AkvError;

/// The type of a bearer.
pub const BEARER_TYP: &str = "autoclave-bearer+jwt";

/// Longest life of a bearer: that of Azure's, about.
pub const BEARER_SECONDS_MAX: u64 = 3600;

/// How far clocks may differ, in seconds.
const SKEW_SECONDS: u64 = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bearer {
    aud: String,
    iat: UnixTime,
    exp: UnixTime,
}

/// Who was authenticated for one request, and whether they may change keys.
pub(crate) struct Caller<'a> {
    pub(crate) who: &'a Administrator,
    pub(crate) manages: bool,
}

/// Everybody who may call without being an administrator.
pub(crate) struct Bearers {
    callers: Administrators,
}

impl Bearers {
    /// Those of the configuration.
    pub(crate) fn new(settings: Option<&KeyVaultSettings>) -> Self {
        let callers = settings.map(|it| it.callers.clone()).unwrap_or_default();
        Self { callers: Administrators::new(callers) }
    }

    /// Whose bearer came with a request.
    pub(crate) fn authenticate<'a>(
        &'a self,
        administrators: &'a Administrators,
        settings: &KeyVaultSettings,
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<Caller<'a>, AkvError> {
        let resource = settings.resource();
        let refuse = |inner| AkvError::unauthorized(&resource, inner);
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refuse("key_vault.bearer_missing"));
        };
        let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let jkt = verify(text.unwrap_or_default(), &resource, now)
            .ok_or_else(|| refuse("key_vault.bearer_refused"))?;
        let managing = administrators.of_key(&jkt).map(|who| Caller { who, manages: true });
        let calling = self.callers.of_key(&jkt).map(|who| Caller { who, manages: false });
        let caller = managing.or(calling);
        caller.ok_or_else(|| refuse("key_vault.bearer_unknown"))
    }
}

/// The thumbprint of the key that signed the bearer, if it is good for `resource` now.
fn verify(bearer: &str, resource: &str, now: UnixTime) -> Option<Thumbprint> {
    let parsed = Unverified::parse(bearer, BEARER_TYP).ok()?;
    let jwk = parsed.jwk()?;
    let payload = parsed.verify(jwk.verifying_key()?).ok()?;
    let bearer: Bearer = serde_json::from_slice(&payload).ok()?;
    let timely = bearer.iat <= now.plus(SKEW_SECONDS)
        && now < bearer.exp
        && bearer.exp <= bearer.iat.plus(BEARER_SECONDS_MAX);
    (bearer.aud == resource && timely).then(|| jwk.thumbprint())
}
