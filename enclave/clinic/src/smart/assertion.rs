//! How an application proves that it is the registered one: a JWT that its key signed (RFC
//! 7523, SMART's asymmetric authentication). A pure rule: the time and the keys come in. That
//! no assertion counts twice is its caller's to keep, by the name that this gives.

use autoclave_base::{Digest, UnixTime, b64};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::settings::Client;

/// What `client_assertion_type` must say.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest life of an assertion (SMART Backend Services: five minutes).
const LIFE_SECONDS_MAX: u64 = 300;
/// How far clocks may differ.
const SKEW_SECONDS: u64 = 30;
/// Longest assertion.
const BYTES_MAX: usize = 16 * 1024;
/// Longest `jti`.
const JTI_BYTES_MAX: usize = 128;

/// Why an assertion is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionRefusal {
    /// Not a JWT with the claims that it needs.
    #[error("the assertion is malformed")]
    Malformed,
    /// Of another application than the one that asks.
    #[error("the assertion is another application's")]
    Client,
    /// For another token endpoint.
    #[error("the assertion is for another server")]
    Audience,
    /// Over, or good for too long.
    #[error("the assertion is not fresh")]
    Stale,
    /// No registered key made the signature.
    #[error("the assertion's signature is wrong")]
    Signature,
}

impl AssertionRefusal {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "assertion.malformed",
            Self::Client => "assertion.client",
            Self::Audience => "assertion.audience",
            Self::Stale => "assertion.stale",
            Self::Signature => "assertion.signature",
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, url: &str) -> bool {
        match self {
            Self::One(one) => one == url,
            Self::Several(several) => several.iter().any(|one| one == url),
        }
    }
}

/// An assertion that holds, to be counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// What it is remembered by.
    pub(crate) name: Digest,
    /// Until when it has to be.
    pub(crate) until: UnixTime,
}

/// Whose an assertion says it is; to find the keys by, not to believe.
pub(crate) fn issuer(assertion: &str) -> Option<String> {
    let mut parts = assertion.split('.');
    let (_, claims) = (parts.next()?, parts.next()?);
    part::<Claims>(claims).ok().map(|claims| claims.iss)
}

/// Checks an assertion of `client` for the token endpoint `audience`.
pub(crate) fn verify(
    assertion: &str,
    client: &Client,
    audience: &str,
    now: UnixTime,
) -> Result<Proved, AssertionRefusal> {
    use AssertionRefusal::{Audience as Elsewhere, Client as Others, Malformed, Signature, Stale};
    if assertion.len() > BYTES_MAX {
        return Err(Malformed);
    }
    let (signed, signature) = assertion.rsplit_once('.').ok_or(Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Malformed)?;
    let (header, claims): (Header, Claims) = (part(header)?, part(claims)?);
    let signature = b64::decode(signature).map_err(|_| Malformed)?;
    if header.crit.is_some() || claims.jti.is_empty() || claims.jti.len() > JTI_BYTES_MAX {
        return Err(Malformed);
    }
    let (kid, algorithm) = (header.kid.as_deref(), header.alg.as_str());
    if !client.keys.signed(kid, algorithm, signed.as_bytes(), &signature) {
        return Err(Signature);
    }
    if claims.iss != client.id || claims.sub != client.id {
        return Err(Others);
    }
    if !claims.aud.has(audience) {
        return Err(Elsewhere);
    }
    let until = UnixTime::from_seconds(claims.exp);
    let begins = UnixTime::from_seconds(claims.nbf.unwrap_or(0));
    let too_long = until > now.plus(LIFE_SECONDS_MAX + SKEW_SECONDS);
    if until <= now || too_long || begins > now.plus(SKEW_SECONDS) {
        return Err(Stale);
    }
    let parts: [&[u8]; 3] =
        [b"clinic client assertion v1", client.id.as_bytes(), claims.jti.as_bytes()];
    Ok(Proved { name: Digest::of_parts(&parts), until })
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, AssertionRefusal> {
    let json = b64::decode(text).map_err(|_| AssertionRefusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| AssertionRefusal::Malformed)
}
