//! The words that may stand in a ledger line. A label is a short code without spaces that
//! a policy, a configuration or a program chose; a pseudonym stands for a patient and only
//! the holder of its key can tell for whom. Free text never becomes either.

use std::fmt;
use std::str::FromStr;

use autoclave_base::{Digest, LogSafe, Secret, b64};
use hkdf::HkdfExtract;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;

/// Longest label: a digest, a rule's name or a route template fits.
const LABEL_BYTES_MAX: usize = 128;

/// Most rules named in one line; a decision rests on few, and a line has a bound.
pub const RULES_MAX: usize = 64;

/// Says what a pseudonym's key is used for, so that it is no other function's input.
const PSEUDONYM_DOMAIN: &[u8] = b"autoclave ledger pseudonym v1";

/// A short code: 1 to 128 of `A-Z a-z 0-9 . _ : / @ + = -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// The text is no [`Label`] or no [`Pseudonym`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a short code without spaces")]
pub struct LabelError;

impl Label {
    /// Takes text that is a label already. Not for anything that a patient or a member of
    /// staff wrote: a name without spaces would pass.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+=-".contains(&byte);
        let fits = (1..=LABEL_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(LabelError) }
    }

    /// The label of a value that is safe to log: an id, a name, a digest, a number, a code.
    /// What does not fit is replaced by its digest.
    pub fn of(value: &impl LogSafe) -> Self {
        Self::of_claim(&value.to_string())
    }

    /// The label of a code that stands in the program, as in `token.expired`.
    pub fn code(code: &'static str) -> Self {
        Self::of_claim(code)
    }

    /// The label of a claim or of a policy's rule as configured: the text where it is a
    /// label, otherwise its digest, so that no free text gets through. The same warning as
    /// for [`Label::parse`] holds.
    pub fn of_claim(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self(Digest::of(text).to_string()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom a line is about, to the holder of the key only: a keyed digest of an id, the same
/// for the same id under the same key, so that accesses to one patient can be counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// The pseudonym of `id` under `key`: HMAC-SHA256 (HKDF-Extract is just that).
    pub fn of(key: &Secret<[u8; 32]>, id: &impl LogSafe) -> Self {
        let mut mac = HkdfExtract::<Sha256>::new(Some(key.expose()));
        mac.input_ikm(PSEUDONYM_DOMAIN);
        mac.input_ikm(id.to_string().as_bytes());
        Self(b64::encode(mac.finalize().0))
    }

    /// The pseudonym as text: 43 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pseudonym {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        b64::decode_array::<32>(text).map_err(|_| LabelError)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::parse(text)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }

        impl LogSafe for $name {}
    )* };
}

as_text!(Label, Pseudonym);

#[cfg(test)]
mod tests {
    use autoclave_base::{Digest, Secret};

    use super::{Label, Pseudonym};

    #[test]
    fn labels_are_short_codes() {
        let long = "a".repeat(129);
        for bad in ["", "Jane Doe", "a\n", "ä", "a\"b", "{", long.as_str()] {
            assert!(Label::parse(bad).is_err(), "{bad:?}");
            assert_eq!(Label::of_claim(bad).as_str(), Digest::of(bad).to_string());
        }
        for good in ["token.expired", "model/brain-mri@2", "1", &long[..128]] {
            assert_eq!(Label::parse(good).unwrap().as_str(), good);
            assert_eq!(Label::of_claim(good).as_str(), good);
        }
        assert_eq!(Label::of(&true).as_str(), "true");
        assert_eq!(Label::code("token.expired").as_str(), "token.expired");
    }

    #[test]
    fn a_pseudonym_depends_on_key_and_id() {
        let (one, two) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let name = Pseudonym::of(&one, &7_u32);
        assert_eq!(name, Pseudonym::of(&one, &7_u32));
        assert_ne!(name, Pseudonym::of(&one, &8_u32));
        assert_ne!(name, Pseudonym::of(&two, &7_u32));
        assert_eq!(name.as_str().parse::<Pseudonym>().unwrap(), name);
        assert!("Jane".parse::<Pseudonym>().is_err());
    }
}
