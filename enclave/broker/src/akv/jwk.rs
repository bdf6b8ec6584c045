//! Keys as clients of Azure Key Vault write them, with private members, and the PKCS#8 that
//! is kept of them. The importer's. A key whose parts do not belong together is refused.

use autoclave_base::b64;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::vault::{Curve, Material, OCT_BYTES};

/// Longest member in base64url: a modulus of 4096 bits.
const MEMBER_BYTES_MAX: usize = 700;

/// `AlgorithmIdentifier` of RSA (RFC 8017, appendix A.1) in DER.
const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `AlgorithmIdentifier` of a key on P-256 (RFC 5480) in DER.
const P256_ALGORITHM: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
/// `AlgorithmIdentifier` of a key on P-384 (RFC 5480) in DER.
const P384_ALGORITHM: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x22,
];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const CONTEXT_1: u8 = 0xa1;

/// A member of a key in base64url; erased when dropped.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Member(Option<String>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Member {
    fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.0.as_ref().filter(|text| text.len() <= MEMBER_BYTES_MAX)?;
        // The client library pads.
        b64::decode(text.trim_end_matches('=')).ok().map(Zeroizing::new)
    }
}

/// A key with its private members.
#[derive(Deserialize)]
pub(super) struct PrivateJwk {
    kty: String,
    crv: Option<Curve>,
    #[serde(default)]
    n: Member,
    #[serde(default)]
    e: Member,
    #[serde(default)]
    d: Member,
    #[serde(default)]
    p: Member,
    #[serde(default)]
    q: Member,
    #[serde(default)]
    dp: Member,
    #[serde(default)]
    dq: Member,
    #[serde(default)]
    qi: Member,
    #[serde(default)]
    k: Member,
    #[serde(default)]
    x: Member,
    #[serde(default)]
    y: Member,
}

impl PrivateJwk {
    /// The key, if it is one of a kind that the vault takes.
    pub(super) fn material(&self) -> Option<Material> {
        match self.kty.as_str() {
            "oct" | "oct-HSM" => {
                let k = self.k.bytes()?;
                OCT_BYTES.contains(&k.len()).then(|| Material::oct(k.to_vec()))
            }
            "RSA" | "RSA-HSM" => Material::rsa(self.rsa()?),
            "EC" | "EC-HSM" => Material::ec(self.crv?, self.ec(self.crv?)?),
            _ => None,
        }
    }

    /// `PrivateKeyInfo` (RFC 5208) of `RSAPrivateKey` (RFC 8017, appendix A.1.2).
    fn rsa(&self) -> Option<Vec<u8>> {
        let members = [&self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi];
        let mut key = Zeroizing::new(integer(&[0]));
        for member in members {
            key.extend_from_slice(&Zeroizing::new(integer(&member.bytes()?)));
        }
        Some(pkcs8(RSA_ALGORITHM, &Zeroizing::new(tagged(SEQUENCE, &key))))
    }

    /// `PrivateKeyInfo` of `ECPrivateKey` (RFC 5915) with its public point.
    fn ec(&self, crv: Curve) -> Option<Vec<u8>> {
        let size = crv.bytes();
        let fixed = |member: &Member| {
            let bytes = member.bytes()?;
            let missing = size.checked_sub(bytes.len())?;
            Some(Zeroizing::new([&vec![0; missing][..], &bytes].concat()))
        };
        let (d, x, y) = (fixed(&self.d)?, fixed(&self.x)?, fixed(&self.y)?);
        let point = tagged(BIT_STRING, &[&[0, 4][..], &x, &y].concat());
        let parts = [integer(&[1]), tagged(OCTET_STRING, &d), tagged(CONTEXT_1, &point)];
        let key = Zeroizing::new(tagged(SEQUENCE, &Zeroizing::new(parts.concat())));
        let algorithm = match crv {
            Curve::P256 => P256_ALGORITHM,
            Curve::P384 => P384_ALGORITHM,
        };
        Some(pkcs8(algorithm, &key))
    }
}

fn pkcs8(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let key = Zeroizing::new(tagged(OCTET_STRING, key));
    let parts = Zeroizing::new([&integer(&[0])[..], algorithm, &key].concat());
    tagged(SEQUENCE, &parts)
}

/// A number that is not negative: without zeros in front, but one where its first bit is set.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    let padded = digits.first().is_none_or(|byte| byte & 0x80 != 0);
    let content = Zeroizing::new([&[0][usize::from(!padded)..], digits].concat());
    tagged(INTEGER, &content)
}

/// Tag, length and content (X.690, section 8.1), for contents below 64 KiB.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = Vec::with_capacity(content.len() + 4);
    der.push(tag);
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    match (high, low) {
        (0, 0..0x80) => der.push(low),
        (0, _) => der.extend([0x81, low]),
        _ => der.extend([0x82, high, low]),
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::akv::tests::rsa::PRIVATE;

    fn material(jwk: Value) -> Option<Material> {
        serde_json::from_value::<PrivateJwk>(jwk).unwrap().material()
    }

    /// RFC 7517, appendix A.2.
    fn ec() -> Value {
        json!({
            "kty": "EC-HSM", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        })
    }

    #[test]
    fn keys_of_each_kind_are_taken() {
        assert_eq!(material(ec()).unwrap().kty(), "EC");
        let rsa = material(PRIVATE.jwk()).unwrap();
        let Material::Rsa { n, .. } = &rsa else { panic!("not RSA") };
        assert_eq!(n, PRIVATE.public().modulus());
        let oct = material(json!({ "kty": "oct-HSM", "k": b64::encode([7; 32]) })).unwrap();
        assert_eq!(oct.exported(), [7; 32]);
    }

    #[test]
    fn parts_of_different_keys_are_refused() {
        let mut other = ec();
        other["d"] = json!(b64::encode([1; 32]));
        assert!(material(other).is_none());
        let mut curve = ec();
        curve["crv"] = json!("P-384");
        assert!(material(curve).is_none());
        for member in ["n", "d", "p", "qi"] {
            let mut altered = PRIVATE.jwk();
            altered[member] = altered["q"].clone();
            assert!(material(altered.clone()).is_none(), "{member}");
            altered.as_object_mut().unwrap().remove(member);
            assert!(material(altered).is_none(), "{member}");
        }
        for bytes in [0, 1, 31, 33, 64] {
            let oct = json!({ "kty": "oct", "k": b64::encode(vec![1; bytes]) });
            assert!(material(oct).is_none(), "{bytes}");
        }
        assert!(material(json!({ "kty": "OKP", "k": "AAAA" })).is_none());
    }
}
