//! Compact JSON Web Signatures (RFC 7515) with ES256 and nothing else. All our signed
//! objects are of this form, told apart by `typ`. A key that a header brings along is
//! never used for trust, and no other algorithm can be asked for.

#[cfg(test)]
mod tests;

use autoclave_base::b64;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwk::Jwk;

/// Longest JWS that is looked at: a manifest of some hundred releases, a token with two
/// post-quantum keys.
pub const JWS_BYTES_MAX: usize = 64 * 1024;

/// The one algorithm.
const ALG: &str = "ES256";

/// Why a JWS is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsRefusal {
    /// Longer than [`JWS_BYTES_MAX`].
    #[error("the signed object is too large")]
    TooLarge,
    /// Not three base64url parts with JSON where JSON must be.
    #[error("the signed object is malformed")]
    Malformed,
    /// `alg` is not ES256.
    #[error("the signature algorithm is not allowed")]
    Alg,
    /// The header demands an extension (`crit`) that we do not have.
    #[error("the header demands an unknown extension")]
    Crit,
    /// `typ` is another one: a signature over something else.
    #[error("the signed object is of another type")]
    Typ,
    /// The signature does not fit the key.
    #[error("the signature is wrong")]
    Signature,
}

impl JwsRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "jws.too_large",
            Self::Malformed => "jws.malformed",
            Self::Alg => "jws.alg_not_allowed",
            Self::Crit => "jws.crit",
            Self::Typ => "jws.typ",
            Self::Signature => "jws.signature",
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
}

/// Signs `payload` under the key's name `kid`.
///
/// # Panics
/// If `payload` has no JSON form; the payloads of this crate all have one.
pub fn sign(typ: &str, kid: &str, payload: &impl Serialize, key: &SigningKey) -> String {
    compact(&Header { alg: ALG, typ, kid: Some(kid), jwk: None }, payload, key)
}

/// As [`sign`], with the public key beside its name, for verifiers that ask for it.
pub fn sign_with_jwk(
    typ: &str,
    kid: Option<&str>,
    payload: &impl Serialize,
    key: &SigningKey,
) -> String {
    let jwk = Jwk::signing(key.verifying_key());
    compact(&Header { alg: ALG, typ, kid, jwk: Some(&jwk) }, payload, key)
}

fn compact(header: &Header<'_>, payload: &impl Serialize, key: &SigningKey) -> String {
    let signed = format!("{}.{}", part(header), part(payload));
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", b64::encode(signature.to_bytes()))
}

#[expect(clippy::expect_used, reason = "payloads are structs with text keys: JSON carries them")]
fn part(value: &impl Serialize) -> String {
    b64::encode(serde_json::to_vec(value).expect("a payload has a JSON form"))
}

/// Checks type and signature and returns the payload's bytes.
pub fn verify(jws: &str, key: &VerifyingKey, typ: &str) -> Result<Vec<u8>, JwsRefusal> {
    Unverified::parse(jws, typ)?.verify(key)
}

/// A JWS of the right type and algorithm whose signature is not checked yet.
///
/// Its parts help to find the key and must not be believed.
pub struct Unverified<'a> {
    header: ParsedHeader,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Signature,
}

#[derive(Deserialize)]
struct ParsedHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<Value>,
    crit: Option<IgnoredAny>,
}

impl<'a> Unverified<'a> {
    /// Takes a JWS apart, and checks its size, algorithm and type.
    pub fn parse(jws: &'a str, typ: &str) -> Result<Self, JwsRefusal> {
        if jws.len() > JWS_BYTES_MAX {
            return Err(JwsRefusal::TooLarge);
        }
        let (signed, signature) = jws.rsplit_once('.').ok_or(JwsRefusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsRefusal::Malformed)?;
        let header = check_header(&decode(header)?, typ)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| JwsRefusal::Signature)?;
        Ok(Self { header, signed, payload, signature })
    }

    /// The name of the key that is said to have signed.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The key that the header brings along: proves possession, never trust.
    pub fn jwk(&self) -> Option<Jwk> {
        serde_json::from_value(self.header.jwk.clone()?).ok()
    }

    /// The payload before its signature was checked, to find the key by; not to believe.
    pub(crate) fn peek<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.payload).ok()
    }

    /// Checks the signature and gives up the payload. By `ring`, which every enclave has for
    /// TLS: it takes a sixth of the time, of which a request costs several.
    pub fn verify(self, key: &VerifyingKey) -> Result<Vec<u8>, JwsRefusal> {
        if is_es256(self.signed.as_bytes(), &self.signature.to_bytes(), key) {
            Ok(self.payload)
        } else {
            Err(JwsRefusal::Signature)
        }
    }
}

/// Whether `key` signed `message` by ES256 (RFC 7518, section 3.4): r and s, 32 bytes each.
pub fn is_es256(message: &[u8], signature: &[u8], key: &VerifyingKey) -> bool {
    let point = key.to_sec1_point(false);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.as_bytes());
    key.verify(message, signature).is_ok()
}

fn check_header(json: &[u8], typ: &str) -> Result<ParsedHeader, JwsRefusal> {
    let header: ParsedHeader = serde_json::from_slice(json).map_err(|_| JwsRefusal::Malformed)?;
    if header.alg != ALG {
        return Err(JwsRefusal::Alg);
    }
    if header.crit.is_some() {
        return Err(JwsRefusal::Crit);
    }
    // Media types compare without case (RFC 7515, section 4.1.9).
    if !header.typ.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(typ)) {
        return Err(JwsRefusal::Typ);
    }
    Ok(header)
}

fn decode(part: &str) -> Result<Vec<u8>, JwsRefusal> {
    b64::decode(part).map_err(|_| JwsRefusal::Malformed)
}
