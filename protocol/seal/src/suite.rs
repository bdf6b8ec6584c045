//! The one cipher suite of the project: HPKE (RFC 9180) with HKDF-SHA256 and AES-128-GCM
//! over X-Wing or X25519. It is shared by all who seal to a key. No other suite can be
//! named here, so none can be negotiated down to.

use std::fmt;

use autoclave_base::LogSafe;
use serde::{Deserialize, Serialize};

/// HPKE's number for HKDF-SHA256 (RFC 9180, section 7.2).
pub(crate) const KDF_ID: u16 = 1;
/// HPKE's number for AES-128-GCM (RFC 9180, section 7.3).
pub(crate) const AEAD_ID: u16 = 1;
/// The length of the authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

/// How the fresh secret of a message is agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kem {
    /// X25519 and ML-KEM-768 together (draft-connolly-cfrg-xwing-kem): safe while either is.
    #[serde(rename = "X-Wing")]
    XWing,
    /// DHKEM(X25519, HKDF-SHA256): for clients that lack X-Wing.
    X25519,
}

impl Kem {
    /// The number in HPKE's registry.
    pub const fn id(self) -> u16 {
        match self {
            Self::XWing => 0x647a,
            Self::X25519 => 0x0020,
        }
    }

    /// The length of a public key (`Npk`).
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::XWing => 1216,
            Self::X25519 => 32,
        }
    }

    /// The length of an encapsulated key (`Nenc`).
    pub const fn encapsulated_bytes(self) -> usize {
        match self {
            Self::XWing => 1120,
            Self::X25519 => 32,
        }
    }

    /// The name that tokens and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XWing => "X-Wing",
            Self::X25519 => "X25519",
        }
    }

    /// The mechanism of that number, if it is one of ours.
    pub(crate) const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x647a => Some(Self::XWing),
            0x0020 => Some(Self::X25519),
            _ => None,
        }
    }

    /// The same in the words of the `ohttp` crate.
    pub(crate) const fn to_ohttp(self) -> ohttp::hpke::Kem {
        match self {
            Self::XWing => ohttp::hpke::Kem::XWing,
            Self::X25519 => ohttp::hpke::Kem::X25519Sha256,
        }
    }
}

impl fmt::Display for Kem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl LogSafe for Kem {}
