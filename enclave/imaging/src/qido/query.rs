//! The query of a search.

use dicom_core::Tag;

use crate::json;

/// Answers where nothing else is asked for.
pub(super) const LIMIT_DEFAULT: usize = 200;
/// Most answers of one request; a client asks on from an offset.
pub(super) const LIMIT_MAX: usize = 5_000;
/// Most keys of one request.
const KEYS_MAX: usize = 64;

/// Why a query is not understood. It names no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefusal {
    /// A parameter is neither an attribute nor one of the standard's.
    #[error("an attribute is unknown")]
    Attribute,
    /// `limit` or `offset` is no number.
    #[error("limit or offset is no number")]
    Number,
    /// Too many keys.
    #[error("too many keys")]
    Size,
}

/// An attribute that must match. No `Debug`: its value may name a patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Sequences on the way, and the attribute.
    pub path: Vec<Tag>,
    /// What it must be.
    pub value: String,
}

/// A query.
#[derive(Clone, Default)]
pub struct Query {
    /// All must match.
    pub keys: Vec<Key>,
    /// Attributes that are answered beyond the usual ones.
    pub fields: Vec<Tag>,
    /// All attributes of the level are answered.
    pub all_fields: bool,
    /// Most answers.
    pub limit: usize,
    /// How many are passed over.
    pub offset: usize,
    /// Fuzzy matching was asked for, which there is none of.
    pub fuzzy: bool,
}

impl Query {
    /// Reads names and values, percent-decoded.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, QueryRefusal> {
        let mut query = Self { limit: LIMIT_DEFAULT, ..Self::default() };
        for (name, value) in pairs {
            match name.to_ascii_lowercase().as_str() {
                "limit" => query.limit = number(value)?.min(LIMIT_MAX),
                "offset" => query.offset = number(value)?,
                "fuzzymatching" => query.fuzzy = value == "true",
                "includefield" => query.include(value)?,
                // Read elsewhere, or of no meaning to matching.
                "accept" | "charset" | "_" | "emptyvaluematching" | "multiplevaluematching" => {}
                _ => query.key(name, value)?,
            }
        }
        Ok(query)
    }

    fn include(&mut self, fields: &str) -> Result<(), QueryRefusal> {
        for field in fields.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            if field.eq_ignore_ascii_case("all") {
                self.all_fields = true;
            } else {
                // A field within a sequence comes with its sequence.
                let first = *path(field)?.first().ok_or(QueryRefusal::Attribute)?;
                self.field(first)?;
            }
        }
        Ok(())
    }

    fn field(&mut self, tag: Tag) -> Result<(), QueryRefusal> {
        if !self.fields.contains(&tag) {
            self.fields.push(tag);
        }
        if self.fields.len() > KEYS_MAX { Err(QueryRefusal::Size) } else { Ok(()) }
    }

    fn key(&mut self, name: &str, value: &str) -> Result<(), QueryRefusal> {
        let path = path(name)?;
        self.field(*path.first().ok_or(QueryRefusal::Attribute)?)?;
        // Nothing, or any value at all, matches everything, missing attributes as well.
        if !value.is_empty() && value.bytes().any(|byte| byte != b'*') {
            self.keys.push(Key { path, value: value.to_owned() });
        }
        Ok(())
    }

    /// The value that an attribute must have, where there is such a key.
    pub fn value_of(&self, tag: Tag) -> Option<&str> {
        self.keys.iter().find(|key| key.path == [tag]).map(|key| key.value.as_str())
    }
}

fn path(name: &str) -> Result<Vec<Tag>, QueryRefusal> {
    name.split('.').map(|part| json::tag(part).ok_or(QueryRefusal::Attribute)).collect()
}

fn number(text: &str) -> Result<usize, QueryRefusal> {
    text.trim().parse().map_err(|_| QueryRefusal::Number)
}
