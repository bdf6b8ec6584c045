//! Signed reference values of others, and ours for others: `CoRIM` (draft-ietf-rats-corim) in
//! `COSE_Sign1`, in the profile that WIRE.md describes. It belongs to whoever answers for
//! the code. What is not a [`VerifiedCorim`] refers to nothing; one that nobody signed is
//! refused by name.

mod key;
mod make;
mod read;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use autoclave_base::cbor::Value;
use autoclave_base::{Digest, HexBytes, UnixTime};
use serde::{Deserialize, Serialize};

use crate::CLOCK_SKEW_SECONDS;
use crate::evidence::{Claims, TeeKind};

pub use key::{Algorithm, CorimKey};
pub use make::sign;

/// The profile that is read and written.
pub const PROFILE: &str = "tag:autoclave.health,2026:corim";
/// The media type of what is signed.
pub const CONTENT_TYPE: &str = "application/rim+cbor";
/// Longest document that is looked at.
pub const CORIM_BYTES_MAX: usize = 32 * 1024;
/// Most reference values in one.
pub const REFERENCES_MAX: usize = 128;
/// The measurement that is over all others, as claims have it.
pub const WHOLE: &str = "measurement";

/// `COSE_Sign1` (RFC 9052), and the tags of a `CoRIM` and of the modules in it.
const TAG_SIGN1: u64 = 18;
const TAG_CORIM: u64 = 501;
const TAG_COMID: u64 = 506;
const TAG_URI: u64 = 32;
const TAG_TIME: u64 = 1;
const TAG_BYTES: u64 = 560;
const TAG_SVN: u64 = 552;
const TAG_SVN_MIN: u64 = 553;

/// What some code must have been measured as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The kind of TEE that measures it.
    pub kind: TeeKind,
    /// Who made the code.
    pub vendor: String,
    /// What it is: for ours, the workload.
    pub model: String,
    /// Which version, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Registers by the names that claims have for them ([`WHOLE`] for the one over all), with
    /// the values that are accepted. All must agree.
    pub measurements: Vec<(String, BTreeSet<HexBytes>)>,
    /// The lowest security version that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svn_min: Option<u32>,
}

impl Reference {
    /// Whether verified evidence says what this one asks for.
    pub fn is_met_by(&self, claims: &Claims) -> bool {
        let found = |name: &str| match name {
            WHOLE => Some(HexBytes::of(claims.measurement.bytes())),
            name => claims.measurements.get(name).cloned(),
        };
        let agrees = |(name, accepted): &(String, BTreeSet<HexBytes>)| {
            found(name).is_some_and(|value| accepted.contains(&value))
        };
        claims.kind == self.kind
            && !self.measurements.is_empty()
            && self.measurements.iter().all(agrees)
            && self.svn_min.is_none_or(|minimum| claims.svn >= minimum)
    }
}

/// What a document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corim {
    /// Its name, chosen by its signer.
    pub id: String,
    /// When it begins to count.
    pub not_before: UnixTime,
    /// When it ends.
    pub not_after: UnixTime,
    /// The reference values.
    pub references: Vec<Reference>,
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorimRefusal {
    /// Longer than [`CORIM_BYTES_MAX`].
    #[error("the reference values are too large")]
    TooLarge,
    /// Nobody signed it.
    #[error("the reference values are not signed")]
    Unsigned,
    /// Not a signed `CoRIM`.
    #[error("the reference values are not a signed CoRIM")]
    Malformed,
    /// A `CoRIM` of another profile, or with statements that this profile has not.
    #[error("the reference values are of another profile")]
    Profile,
    /// Signed with another algorithm than ES256 or ES384.
    #[error("the reference values are signed with an algorithm that is not accepted")]
    Algorithm,
    /// Signed by a key that is not configured.
    #[error("the reference values are signed by an unknown key")]
    Signer,
    /// The signature is wrong.
    #[error("the signature of the reference values is wrong")]
    Signature,
    /// They ended.
    #[error("the reference values have expired")]
    Expired,
    /// They begin in the future.
    #[error("the reference values are not valid yet")]
    NotYetValid,
}

impl CorimRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "corim.too_large",
            Self::Unsigned => "corim.unsigned",
            Self::Malformed => "corim.malformed",
            Self::Profile => "corim.profile",
            Self::Algorithm => "corim.algorithm",
            Self::Signer => "corim.signer_unknown",
            Self::Signature => "corim.signature",
            Self::Expired => "corim.expired",
            Self::NotYetValid => "corim.not_yet_valid",
        }
    }
}

/// Reference values under a key that is trusted for them. Only [`verify`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCorim {
    corim: Corim,
    signer: Digest,
    digest: Digest,
}

impl VerifiedCorim {
    /// What it says.
    pub const fn corim(&self) -> &Corim {
        &self.corim
    }

    /// The thumbprint (RFC 7638) of the key that signed it.
    pub const fn signer(&self) -> Digest {
        self.signer
    }

    /// Digest of the document.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The first reference that `claims` meet, as long as the document counts.
    pub fn find(&self, claims: &Claims, now: UnixTime) -> Option<&Reference> {
        in_time(&self.corim, now).ok()?;
        self.corim.references.iter().find(|reference| reference.is_met_by(claims))
    }
}

/// Checks form, signer, signature and times of a document, in this order.
pub fn verify(
    bytes: &[u8],
    signers: &[CorimKey],
    now: UnixTime,
) -> Result<VerifiedCorim, CorimRefusal> {
    if bytes.len() > CORIM_BYTES_MAX {
        return Err(CorimRefusal::TooLarge);
    }
    let whole = Value::parse(bytes).map_err(|_| CorimRefusal::Malformed)?;
    if whole.tagged(TAG_CORIM).is_some() {
        return Err(CorimRefusal::Unsigned);
    }
    let message = read::Message::of(&whole)?;
    let signer = message.signer(signers)?;
    if !signer.has_signed(message.algorithm, &message.signed(), message.signature) {
        return Err(CorimRefusal::Signature);
    }
    let corim = read::corim(message.payload)?;
    in_time(&corim, now)?;
    Ok(VerifiedCorim { corim, signer: signer.thumbprint(), digest: Digest::of(bytes) })
}

fn in_time(corim: &Corim, now: UnixTime) -> Result<(), CorimRefusal> {
    if corim.not_before > now.plus(CLOCK_SKEW_SECONDS) {
        return Err(CorimRefusal::NotYetValid);
    }
    if now >= corim.not_after { Err(CorimRefusal::Expired) } else { Ok(()) }
}

/// What a signature is over: `Sig_structure` of RFC 9052, section 4.4.
fn signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let parts = [Value::text("Signature1"), Value::bytes(protected)];
    let rest = [Value::bytes([]), Value::bytes(payload)];
    Value::Array(parts.into_iter().chain(rest).collect()).to_bytes()
}
