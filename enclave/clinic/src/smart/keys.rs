//! Public keys of applications, and the signatures that they make: ES256, ES384 and RS384, as
//! SMART asks for. They belong to the applications. No private member is accepted, and which
//! algorithm counts the key says, never the signed object.

use autoclave_base::b64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA384,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Most keys of one application: two at a time, while it changes them.
const KEYS_MAX: usize = 8;

/// A JWK set.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ClientKeys {
    #[serde(default)]
    keys: Vec<ClientKey>,
}

/// One public key, as a JWK.
#[derive(Debug, Clone, Deserialize)]
struct ClientKey {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
}

/// The material of a key that we can use.
enum Usable {
    Curve(&'static str, &'static dyn VerificationAlgorithm, Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl ClientKeys {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether all of them can be used.
    pub(crate) fn are_usable(&self) -> bool {
        self.keys.len() <= KEYS_MAX && self.keys.iter().all(|key| key.usable().is_some())
    }

    /// Whether one of them, by name where one is given, signed `message` by `algorithm`.
    pub(crate) fn signed(
        &self,
        kid: Option<&str>,
        algorithm: &str,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let named =
            |key: &&ClientKey| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
        let mut keys = self.keys.iter().filter(named).filter_map(ClientKey::usable);
        keys.any(|key| key.signed(algorithm, message, signature))
    }
}

impl ClientKey {
    fn usable(&self) -> Option<Usable> {
        if self.d.is_some() {
            return None;
        }
        let member = |text: &Option<String>| b64::decode(text.as_deref()?).ok();
        let point = |bytes: usize| {
            let (x, y) = (member(&self.x)?, member(&self.y)?);
            let fits = x.len() == bytes && y.len() == bytes;
            fits.then(|| [&[4][..], &x, &y].concat())
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => {
                Some(Usable::Curve("ES256", &ECDSA_P256_SHA256_FIXED, point(32)?))
            }
            ("EC", Some("P-384")) => {
                Some(Usable::Curve("ES384", &ECDSA_P384_SHA384_FIXED, point(48)?))
            }
            ("RSA", None) => {
                let (n, e) = (member(&self.n)?, member(&self.e)?);
                // 2,048 bits at the least (NIST SP 800-131A); ring checks it once more.
                (n.len() >= 256).then_some(Usable::Rsa { n, e })
            }
            _ => None,
        }
    }
}

impl Usable {
    fn signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Curve(name, how, point) => {
                *name == algorithm
                    && UnparsedPublicKey::new(*how, point).verify(message, signature).is_ok()
            }
            Self::Rsa { n, e } => {
                algorithm == "RS384"
                    && RsaPublicKeyComponents { n, e }
                        .verify(&RSA_PKCS1_2048_8192_SHA384, message, signature)
                        .is_ok()
            }
        }
    }
}
