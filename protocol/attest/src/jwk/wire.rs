//! The JSON form of a key. Members that RFC 7517 does not name are ignored, as it asks;
//! a name given twice and private members are refused.

use autoclave_base::b64;
use p256::ecdsa::VerifyingKey;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Jwk, JwkRefusal, Key, Usage, XWING_PUBLIC_BYTES, coordinates};

/// Names of keys are ours or thumbprints: short.
const KID_BYTES_MAX: usize = 128;

/// Longest coordinate or public key in base64url: X-Wing.
const MEMBER_BYTES_MAX: usize = XWING_PUBLIC_BYTES.div_ceil(3) * 4;

#[derive(Serialize, Deserialize, Default)]
pub(super) struct Wire {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(rename = "pub", skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing)]
    d: Option<IgnoredAny>,
    #[serde(rename = "priv", skip_serializing)]
    private: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    k: Option<IgnoredAny>,
}

impl TryFrom<Wire> for Jwk {
    type Error = JwkRefusal;

    fn try_from(wire: Wire) -> Result<Self, JwkRefusal> {
        if wire.d.is_some() || wire.private.is_some() || wire.k.is_some() {
            return Err(JwkRefusal::Private);
        }
        if wire.kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(JwkRefusal::Malformed);
        }
        let key = match (wire.kty.as_str(), wire.crv.as_deref(), wire.alg.as_deref()) {
            ("EC", Some("P-256"), None | Some("ES256")) => p256(&wire)?,
            ("OKP", Some("X25519"), _) => Key::X25519(member_array(wire.x.as_ref())?),
            ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => {
                Key::Ed25519(member_array(wire.x.as_ref())?)
            }
            ("AKP", None, Some("X-Wing")) => xwing(&wire)?,
            _ => return Err(JwkRefusal::Unsupported),
        };
        Ok(Self { kid: wire.kid, usage: wire.usage, key })
    }
}

fn p256(wire: &Wire) -> Result<Key, JwkRefusal> {
    let x: [u8; 32] = member_array(wire.x.as_ref())?;
    let y: [u8; 32] = member_array(wire.y.as_ref())?;
    let sec1 = [[4].as_slice(), &x, &y].concat();
    let key = VerifyingKey::from_sec1_bytes(&sec1).map_err(|_| JwkRefusal::Malformed)?;
    Ok(Key::EcP256(key))
}

fn xwing(wire: &Wire) -> Result<Key, JwkRefusal> {
    let public = member(wire.public.as_ref())?;
    if public.len() != XWING_PUBLIC_BYTES {
        return Err(JwkRefusal::Malformed);
    }
    Ok(Key::XWing(public))
}

fn member_array(text: Option<&String>) -> Result<[u8; 32], JwkRefusal> {
    member(text)?.try_into().map_err(|_| JwkRefusal::Malformed)
}

fn member(text: Option<&String>) -> Result<Vec<u8>, JwkRefusal> {
    let text = text.filter(|text| text.len() <= MEMBER_BYTES_MAX);
    b64::decode(text.ok_or(JwkRefusal::Malformed)?).map_err(|_| JwkRefusal::Malformed)
}

impl From<Jwk> for Wire {
    fn from(jwk: Jwk) -> Self {
        let mut wire = Self { kid: jwk.kid, usage: jwk.usage, ..Self::default() };
        match jwk.key {
            Key::EcP256(key) => {
                let (x, y) = coordinates(&key);
                wire.set("EC", Some("P-256"), Some("ES256"));
                (wire.x, wire.y) = (Some(x), Some(y));
            }
            Key::X25519(public) => {
                wire.set("OKP", Some("X25519"), None);
                wire.x = Some(b64::encode(public));
            }
            Key::Ed25519(public) => {
                wire.set("OKP", Some("Ed25519"), None);
                wire.x = Some(b64::encode(public));
            }
            Key::XWing(public) => {
                wire.set("AKP", None, Some("X-Wing"));
                wire.public = Some(b64::encode(public));
            }
        }
        wire
    }
}

impl Wire {
    fn set(&mut self, kty: &str, crv: Option<&str>, alg: Option<&str>) {
        kty.clone_into(&mut self.kty);
        self.crv = crv.map(str::to_owned);
        self.alg = alg.map(str::to_owned);
    }
}
