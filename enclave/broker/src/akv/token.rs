//! The token that comes with a release: whose it is, whether it holds now, and which RSA
//! key it binds. Verified under pinned keys of its authority, or under those of our own
//! attestor. Pure. What its claims are worth is the release policy's to say.

use autoclave_attest::token::KeySet;
use autoclave_base::{Digest, UnixTime, b64};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::config::Authority;
use super::rsa::RsaKey;

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// How far clocks may differ, in seconds.
const SKEW_SECONDS: u64 = 30;

/// Keys in a token that are looked at.
const KEYS_MAX: usize = 16;

/// Claims of tokens that name what was measured.
const MEASUREMENTS: [&[&str]; 7] = [
    &["measurement"],
    &["x-ms-sgx-mrenclave"],
    &["x-ms-sevsnpvm-launchmeasurement"],
    &["x-ms-isolation-tee", "x-ms-sevsnpvm-launchmeasurement"],
    &["x-ms-isolation-tee", "tdx_mrtd"],
    &["tdx_mrtd"],
    &["submods", "cpu0", "ear.veraison.annotated-evidence", "measurement"],
];

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// No JWT, or too large, or without what every token has.
    #[error("the token is malformed")]
    Malformed,
    /// By nobody whose keys are pinned, or under a key that is not among them.
    #[error("the token's authority or key is unknown")]
    Authority,
    /// The signature is wrong, or the algorithm is none of those allowed.
    #[error("the token's signature is wrong")]
    Signature,
    /// Not yet or not any more.
    #[error("the token is out of its time")]
    Time,
    /// Another nonce than the request's.
    #[error("the token's nonce is another one")]
    Nonce,
    /// Its own verdict is not affirming.
    #[error("the token's verdict is not affirming")]
    Status,
    /// It binds no RSA key that can be encrypted to.
    #[error("the token binds no key to encrypt to")]
    Target,
    /// It was used before.
    #[error("the token was used before")]
    Replayed,
}

impl TokenRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "key_vault.token_malformed",
            Self::Authority => "key_vault.token_authority",
            Self::Signature => "key_vault.token_signature",
            Self::Time => "key_vault.token_time",
            Self::Nonce => "key_vault.token_nonce",
            Self::Status => "key_vault.token_status",
            Self::Target => "key_vault.token_target",
            Self::Replayed => "key_vault.token_replayed",
        }
    }
}

/// A token that was verified. Only [`AuthorityToken::verify`] makes it.
#[derive(Debug, Clone)]
pub struct AuthorityToken {
    issuer: String,
    expires: UnixTime,
    claims: Value,
    target: RsaKey,
    digest: Digest,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Whose tokens count.
pub(crate) struct Trusted<'a> {
    pub(crate) authorities: &'a [Authority],
    /// Our attestor, where it could be verified.
    pub(crate) own: Option<(&'a str, &'a KeySet)>,
}

impl AuthorityToken {
    /// Checks signature, time, nonce and verdict, and finds the key to wrap to.
    pub(crate) fn verify(
        jwt: &str,
        trusted: &Trusted<'_>,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<Self, TokenRefusal> {
        let parts = Parts::of(jwt).ok_or(TokenRefusal::Malformed)?;
        let issuer = parts.claims.get("iss").and_then(Value::as_str);
        let issuer = issuer.ok_or(TokenRefusal::Malformed)?.to_owned();
        signature(&parts, &issuer, trusted)?;
        let expires = times(&parts.claims, now)?;
        if nonce.is_some_and(|nonce| !nonces(&parts.claims).contains(&nonce)) {
            return Err(TokenRefusal::Nonce);
        }
        let status = at(&parts.claims, &["submods", "cpu0", "ear.status"]);
        if status.is_some_and(|status| status != "affirming") {
            return Err(TokenRefusal::Status);
        }
        let target = target(&parts.claims).ok_or(TokenRefusal::Target)?;
        Ok(Self { issuer, expires, claims: parts.claims, target, digest: Digest::of(jwt) })
    }

    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From when it does not count any more.
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// What it says.
    pub const fn claims(&self) -> &Value {
        &self.claims
    }

    /// Its own name, if it has one.
    pub fn jti(&self) -> Option<&str> {
        self.claims.get("jti").and_then(Value::as_str)
    }

    /// What was measured, as far as its claims say so.
    pub fn measurements(&self) -> Vec<&str> {
        MEASUREMENTS.iter().filter_map(|path| at(&self.claims, path)).collect()
    }

    /// The key that is wrapped to.
    pub const fn target(&self) -> &RsaKey {
        &self.target
    }

    /// The digest of the JWT.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

struct Parts<'a> {
    header: Header,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(jwt: &'a str) -> Option<Self> {
        if jwt.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&b64::decode(header).ok()?).ok()?;
        let claims: Value = serde_json::from_slice(&b64::decode(claims).ok()?).ok()?;
        let signature = b64::decode(signature).ok()?;
        let whole = claims.is_object() && header.crit.is_none();
        whole.then_some(Self { header, claims, signed, signature })
    }
}

fn signature(parts: &Parts<'_>, issuer: &str, trusted: &Trusted<'_>) -> Result<(), TokenRefusal> {
    let kid = parts.header.kid.as_deref().ok_or(TokenRefusal::Authority)?;
    let own = trusted.own.filter(|(own, _)| *own == issuer);
    if let Some(key) = own.and_then(|(_, keys)| keys.find(kid)) {
        let point = key.to_sec1_point(false);
        return es256(parts, point.as_bytes());
    }
    let mut named = trusted.authorities.iter().filter(|it| it.issuer == issuer);
    let jwk = named.find_map(|it| it.keys.iter().find(|key| key["kid"] == kid));
    let jwk = jwk.ok_or(TokenRefusal::Authority)?;
    let member = |name: &str| b64::decode(jwk[name].as_str().unwrap_or_default());
    match jwk["kty"].as_str() {
        Some("RSA") => {
            let (Ok(n), Ok(e)) = (member("n"), member("e")) else {
                return Err(TokenRefusal::Authority);
            };
            rs256(parts, &n, &e)
        }
        Some("EC") if jwk["crv"] == "P-256" => {
            let (Ok(x), Ok(y)) = (member("x"), member("y")) else {
                return Err(TokenRefusal::Authority);
            };
            es256(parts, &[&[4], &x[..], &y].concat())
        }
        _ => Err(TokenRefusal::Authority),
    }
}

fn es256(parts: &Parts<'_>, point: &[u8]) -> Result<(), TokenRefusal> {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    let verified = key.verify(parts.signed.as_bytes(), &parts.signature);
    verified.ok().filter(|()| parts.header.alg == "ES256").ok_or(TokenRefusal::Signature)
}

fn rs256(parts: &Parts<'_>, n: &[u8], e: &[u8]) -> Result<(), TokenRefusal> {
    let key = RsaPublicKeyComponents { n, e };
    let signed = parts.signed.as_bytes();
    let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, &parts.signature);
    verified.ok().filter(|()| parts.header.alg == "RS256").ok_or(TokenRefusal::Signature)
}

/// `exp` must be there; `nbf` and `iat` hold where they are. The end has no skew.
fn times(claims: &Value, now: UnixTime) -> Result<UnixTime, TokenRefusal> {
    let seconds =
        |name: &str| claims.get(name).map(|it| it.as_u64().ok_or(TokenRefusal::Malformed));
    let expires = UnixTime::from_seconds(seconds("exp").ok_or(TokenRefusal::Malformed)??);
    let latest = now.plus(SKEW_SECONDS);
    for begin in [seconds("nbf"), seconds("iat")].into_iter().flatten() {
        if UnixTime::from_seconds(begin?) > latest {
            return Err(TokenRefusal::Time);
        }
    }
    if now < expires { Ok(expires) } else { Err(TokenRefusal::Time) }
}

/// Every nonce that stands in a token: under our name, Azure's, and in the runtime object.
fn nonces(claims: &Value) -> Vec<&str> {
    let places: [&[&str]; 3] = [&["nonce"], &["eat_nonce"], &["x-ms-runtime", "nonce"]];
    places.iter().filter_map(|path| at(claims, path)).collect()
}

/// The first RSA key of the runtime object that is for encryption.
fn target(claims: &Value) -> Option<RsaKey> {
    let keys = claims.get("x-ms-runtime")?.get("keys")?.as_array()?;
    let encrypts = |key: &&Value| {
        let named = |op: &Value| op == "encrypt" || op == "wrapKey";
        let ops = key.get("key_ops").and_then(Value::as_array);
        key["use"] == "enc" || ops.is_some_and(|ops| ops.iter().any(named))
    };
    let is_rsa = |key: &&Value| key["kty"] == "RSA";
    RsaKey::from_jwk(keys.iter().take(KEYS_MAX).filter(encrypts).find(is_rsa)?)
}

fn at<'c>(claims: &'c Value, path: &[&str]) -> Option<&'c str> {
    path.iter().try_fold(claims, |value, name| value.get(name))?.as_str()
}
