//! Unique identifiers of DICOM (PS3.5, section 9). Nobody's: a UID that says something about
//! a patient is the sender's mistake, yet none is ever in a log.

use std::fmt;
use std::str::FromStr;

use autoclave_cell::Entropy;
use rand_core::Rng as _;

/// Most characters.
const LENGTH_MAX: usize = 64;

/// Not a UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UID")]
pub struct UidError;

/// A UID: digits and dots, at most 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(String);

impl Uid {
    /// One that was never there before, made of 122 random bits (PS3.5, B.2).
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        Entropy.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(format!("2.25.{}", u128::from_be_bytes(bytes)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a URI.
    pub fn urn(&self) -> String {
        format!("urn:oid:{}", self.0)
    }
}

impl FromStr for Uid {
    type Err = UidError;

    /// Leading zeros of a component, which the standard forbids and devices write, pass.
    fn from_str(text: &str) -> Result<Self, UidError> {
        let sound = (1..=LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && text.split('.').all(|part| !part.is_empty());
        if sound { Ok(Self(text.to_owned())) } else { Err(UidError) }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_digits_and_dots() {
        for sound in ["1.2.840.10008.1.2", "2.25.0", "1"] {
            assert_eq!(sound.parse::<Uid>().unwrap().as_str(), sound);
        }
        let long = "1.".repeat(32) + "1";
        for wrong in ["", ".", "1..2", "1.2.", "1.a", "../1", "1 ", &long] {
            assert_eq!(wrong.parse::<Uid>(), Err(UidError), "{wrong}");
        }
        assert_ne!(Uid::random(), Uid::random());
        assert!(Uid::random().as_str().parse::<Uid>().is_ok());
    }
}
