//! The trust file: the roots, release keys and issuer that a client starts from.
//! It belongs to the client's owner, who got it by another way than the network.
//! No key of an attestor stands in it: that follows from evidence.

use std::path::{Path, PathBuf};

use autoclave_attest::handshake::{Trust, TrustAnchors};

/// Largest trust file.
const TRUST_BYTES_MAX: u64 = 256 * 1024;

/// Why a trust file was refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than any trust file.
    #[error("{} is too large for a trust file", .0.display())]
    TooLarge(PathBuf),
    /// Not JSON of the known members, or with keys that are none.
    #[error("the trust file is malformed: {0}")]
    Malformed(String),
}

impl TrustError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "trust.unreadable",
            Self::TooLarge(_) => "trust.too_large",
            Self::Malformed(_) => "trust.malformed",
        }
    }
}

/// Reads a trust file: `{"roots": [root], "release_keys": [jwk], "issuer"}`, a root
/// being `{"kind": "software", "jwk"}` or `{"kind": "tpm", …}`
/// ([`autoclave_attest::evidence::TpmRoot`]).
pub fn read(path: &Path) -> Result<Trust, TrustError> {
    let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > TRUST_BYTES_MAX {
        return Err(TrustError::TooLarge(path.to_owned()));
    }
    parse(&std::fs::read(path).map_err(unreadable)?)
}

/// Reads a trust file's content.
pub fn parse(json: &[u8]) -> Result<Trust, TrustError> {
    let malformed = |error: &dyn std::fmt::Display| TrustError::Malformed(error.to_string());
    let anchors: TrustAnchors = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
    anchors.try_into().map_err(|error| malformed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

    fn file(extra: &str) -> String {
        format!(
            r#"{{"roots":[{{"kind":"software","jwk":{KEY}}}],"release_keys":[{KEY}],"issuer":"i"{extra}}}"#
        )
    }

    #[test]
    fn a_trust_file_is_read_strictly() {
        let trust = parse(file("").as_bytes()).unwrap();
        assert_eq!(trust.issuer(), "i");
        assert!(!trust.hardware_required(), "a software root is trusted by name");
        for bad in [file(",\"surprise\":1"), file("").replace("software", "soft"), "{}".into()] {
            assert_eq!(parse(bad.as_bytes()).err().unwrap().code(), "trust.malformed", "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_has_a_code() {
        let missing = read(Path::new("/nowhere/trust.json")).err().unwrap();
        assert_eq!(missing.code(), "trust.unreadable");
    }
}
