//! What a clerk knows about a patient at the door: a name, perhaps a birth date, gender
//! and the number on the hospital's card. It belongs to the clinic's intake. Nothing that
//! fails to parse is repeated, logged or kept.

use autoclave_base::{Phi, UnixTime};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::text;

/// Longest JSON at intake, in bytes: names and a number need far less.
pub const INTAKE_BYTES_MAX: usize = 16 * 1024;
/// Longest single name or identifier, in characters, as most registers allow.
const NAME_CHARS_MAX: usize = 200;
/// Most given names of one person.
const GIVEN_NAMES_MAX: usize = 8;
/// Earliest birth year that is not a slip of the keyboard.
const BIRTH_YEAR_MIN: i32 = 1880;

/// Why an intake was refused. No variant carries what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeRefusal {
    /// Not JSON of the known members, each once, or too long.
    #[error("the patient is not a JSON object of the known members")]
    Malformed,
    /// Family name missing, empty, too long or with control characters.
    #[error("a family name of 1 to 200 printable characters is needed")]
    Family,
    /// A given name is empty, too long or with control characters, or there are too many.
    #[error("given names are up to 8 texts of 1 to 200 printable characters")]
    Given,
    /// No such day, or in the future, or before 1880.
    #[error("the birth date is not a day between 1880 and today")]
    BirthDate,
    /// Not one of `male`, `female`, `other`, `unknown`.
    #[error("the gender is not one of male, female, other, unknown")]
    Gender,
    /// System or value of the identifier is empty, too long or not printable.
    #[error("the identifier is not a printable system and value")]
    Identifier,
}

impl IntakeRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "intake.malformed",
            Self::Family => "intake.family",
            Self::Given => "intake.given",
            Self::BirthDate => "intake.birth_date",
            Self::Gender => "intake.gender",
            Self::Identifier => "intake.identifier",
        }
    }
}

/// FHIR `administrative-gender`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gender {
    /// `male`
    Male,
    /// `female`
    Female,
    /// `other`
    Other,
    /// `unknown`, also where the clerk leaves it out
    #[default]
    Unknown,
}

impl Gender {
    /// The FHIR code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        let all = [Self::Male, Self::Female, Self::Other, Self::Unknown];
        all.into_iter().find(|gender| gender.code() == code)
    }
}

/// A number that some register gave the patient.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientIdentifier {
    system: Option<String>,
    value: String,
}

impl PatientIdentifier {
    /// The register, a URI, if known.
    pub fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    /// The number.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// A patient as typed at intake; made only by [`PatientIntake::parse`].
#[derive(Clone)]
pub struct PatientIntake {
    family: Phi<String>,
    given: Phi<Vec<String>>,
    birth_date: Phi<Option<String>>,
    gender: Phi<Gender>,
    identifier: Phi<Option<PatientIdentifier>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Typed {
    family: String,
    #[serde(default)]
    given: OneOrMany,
    birth_date: Option<String>,
    gender: Option<String>,
    identifier: Option<TypedIdentifier>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TypedIdentifier {
    Plain(String),
    Full(FullIdentifier),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullIdentifier {
    system: Option<String>,
    value: String,
}

impl PatientIntake {
    /// Reads `{"family", "given"?, "birthDate"?, "gender"?, "identifier"?}`; `given` is a
    /// text or a list of texts, `identifier` a text or `{"system"?, "value"}`.
    pub fn parse(json: &[u8], now: UnixTime) -> Result<Self, IntakeRefusal> {
        if json.len() > INTAKE_BYTES_MAX {
            return Err(IntakeRefusal::Malformed);
        }
        let typed: Typed = serde_json::from_slice(json).map_err(|_| IntakeRefusal::Malformed)?;
        Ok(Self {
            family: Phi::new(name(&typed.family).ok_or(IntakeRefusal::Family)?),
            given: Phi::new(given_names(typed.given)?),
            birth_date: Phi::new(typed.birth_date.map(|date| birth_date(date, now)).transpose()?),
            gender: Phi::new(gender(typed.gender)?),
            identifier: Phi::new(typed.identifier.map(identifier).transpose()?),
        })
    }

    /// Family name.
    pub const fn family(&self) -> &Phi<String> {
        &self.family
    }

    /// Given names, in order.
    pub const fn given(&self) -> &Phi<Vec<String>> {
        &self.given
    }

    /// Birth date, a FHIR `date`.
    pub const fn birth_date(&self) -> &Phi<Option<String>> {
        &self.birth_date
    }

    /// Gender.
    pub const fn gender(&self) -> &Phi<Gender> {
        &self.gender
    }

    /// The hospital's number for the patient.
    pub const fn identifier(&self) -> &Phi<Option<PatientIdentifier>> {
        &self.identifier
    }
}

fn name(typed: &str) -> Option<String> {
    let trimmed = typed.trim();
    let printable = !trimmed.is_empty() && !trimmed.chars().any(char::is_control);
    (printable && trimmed.chars().count() <= NAME_CHARS_MAX).then(|| trimmed.to_owned())
}

fn given_names(typed: OneOrMany) -> Result<Vec<String>, IntakeRefusal> {
    let typed = match typed {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    };
    if typed.len() > GIVEN_NAMES_MAX {
        return Err(IntakeRefusal::Given);
    }
    typed.into_iter().map(|one| name(&one).ok_or(IntakeRefusal::Given)).collect()
}

fn birth_date(typed: String, now: UnixTime) -> Result<String, IntakeRefusal> {
    let day = text::first_day(&typed).ok_or(IntakeRefusal::BirthDate)?;
    let seconds = i64::try_from(now.seconds()).map_err(|_| IntakeRefusal::BirthDate)?;
    // Somewhere on Earth it is already tomorrow.
    let latest = OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|today| today.date().next_day())
        .ok_or(IntakeRefusal::BirthDate)?;
    if day.year() < BIRTH_YEAR_MIN || day > latest {
        return Err(IntakeRefusal::BirthDate);
    }
    Ok(typed)
}

fn gender(typed: Option<String>) -> Result<Gender, IntakeRefusal> {
    typed.map_or(Ok(Gender::Unknown), |code| Gender::parse(&code).ok_or(IntakeRefusal::Gender))
}

fn identifier(typed: TypedIdentifier) -> Result<PatientIdentifier, IntakeRefusal> {
    let (system, value) = match typed {
        TypedIdentifier::Plain(value) => (None, value),
        TypedIdentifier::Full(full) => (full.system, full.value),
    };
    let refused = IntakeRefusal::Identifier;
    if system.as_deref().is_some_and(|uri| !text::is_uri(uri) || uri.len() > NAME_CHARS_MAX) {
        return Err(refused);
    }
    Ok(PatientIdentifier { system, value: name(&value).ok_or(refused)? })
}

#[cfg(test)]
mod tests;
