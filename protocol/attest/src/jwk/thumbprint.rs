//! The name of a key that nobody can choose: the hash of the key itself.

use std::fmt;
use std::str::FromStr;

use autoclave_base::{Digest, LogSafe, b64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A SHA-256 JWK thumbprint (RFC 7638), written in base64url (43 characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(Digest);

/// The text is not 32 bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key thumbprint")]
pub struct ThumbprintError;

impl Thumbprint {
    pub(super) const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest behind it.
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl LogSafe for Thumbprint {}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64::encode(self.0.bytes()))
    }
}

impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        let bytes = b64::decode_array(text).map_err(|_| ThumbprintError)?;
        Ok(Self(Digest::from_bytes(bytes)))
    }
}

impl Serialize for Thumbprint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Thumbprint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
