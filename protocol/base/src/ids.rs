//! One typed id for each kind of thing, all from the list below. Ids are random and say
//! nothing about whom they name; names are short lower-case words that operators choose.

use std::fmt;
use std::str::FromStr;

use rand_core::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{Builder, Uuid};

use crate::guard::{LogSafe, log_safe};

/// The text is not an id or a name of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {0}")]
pub struct IdError(&'static str);

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: a random UUID (version 4).
            pub fn random(rng: &mut (impl Rng + ?Sized)) -> Self {
                let mut bytes = [0; 16];
                rng.fill_bytes(&mut bytes);
                Self(Builder::from_random_bytes(bytes).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = IdError(stringify!($name));
                let id = Uuid::try_parse(text).map_err(|_| refused)?;
                // One spelling only: ids are compared as text by databases and logs.
                if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(refused) }
            }
        }

        log_safe!($name);
    )* };
}

typed_ids! {
    /// A FHIR `Patient`.
    PatientId,
    /// A FHIR `Encounter`.
    EncounterId,
    /// A FHIR `ImagingStudy`.
    ImagingStudyId,
    /// A FHIR `ServiceRequest`.
    ServiceRequestId,
    /// A FHIR `DiagnosticReport`.
    DiagnosticReportId,
    /// A FHIR `Observation`.
    ObservationId,
    /// A FHIR `Provenance`.
    ProvenanceId,
    /// A member of staff.
    StaffId,
    /// A staff session.
    SessionId,
    /// One request, for correlating log lines.
    RequestId,
}

/// Longest name: fits a file name, a DNS label and a log line.
const NAME_BYTES_MAX: usize = 63;

fn is_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let rest = |byte: u8| first(byte) || b"._/-".contains(&byte);
    text.len() <= NAME_BYTES_MAX
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(rest)
        && !text.split('/').any(|part| part.is_empty() || part.starts_with('.'))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a name of at most 63 of `a-z 0-9 . _ - /`, starting with a letter or
            /// digit; no part between slashes is empty or starts with a dot.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(IdError(stringify!($name))) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
            }
        }

        impl LogSafe for $name {}
    )* };
}

names! {
    /// An enclave's role as the release manifest names it: `clinic`, `diagnosis`, …
    WorkloadName,
    /// A key in the broker: `model/brain-mri`, `records/clinic`, …
    KeyName,
    /// A model that the diagnosis enclave serves: `brain-mri`, …
    ModelName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        let text = "6f2c1e0a-9d43-4b1e-8f6a-0a1b2c3d4e5f";
        assert_eq!(text.parse::<PatientId>().unwrap().to_string(), text);
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}")] {
            assert!(other.parse::<PatientId>().is_err(), "{other}");
        }
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        for good in ["clinic", "model/brain-mri", "records/clinic_2", "0.9"] {
            assert_eq!(KeyName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(64);
        for bad in
            ["", "/a", "a/", "a//b", "../a", "a/../b", "A", "a b", "ä", "a/.b", long.as_str()]
        {
            assert!(KeyName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
