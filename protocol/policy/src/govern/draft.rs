//! A draft that was checked. Whoever holds a [`Checked`] holds rules that parse, fit their
//! schema and are short enough to be read by people. No other text becomes a version.

use autoclave_base::Digest;

use crate::{PolicyBook, PolicyError};

/// Longest governed policy (bytes): a dozen printed pages, which two people still read.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;

/// What joins the version before and what an emergency forbids.
const EMERGENCY_HEAD: &str = "\n\n// Emergency: forbidden as well.\n";

/// A text that is a policy. Only its own functions make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    text: String,
    digest: Digest,
    rules: Vec<String>,
}

impl Checked {
    /// Checks a text against its schema.
    pub fn of(text: &str, schema: &str) -> Result<Self, PolicyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(PolicyError::TooLong(TEXT_BYTES_MAX));
        }
        let book = PolicyBook::load(text, schema)?;
        let rules = book.rules().map(str::to_owned).collect();
        Ok(Self { text: text.to_owned(), digest: book.digest(), rules })
    }

    /// `forbids`, which must only forbid, on top of `base`: what the base refuses stays
    /// refused, and more is.
    pub fn emergency(base: &str, forbids: &str, schema: &str) -> Result<Self, PolicyError> {
        let alone = PolicyBook::load(forbids, schema)?;
        if let Some(rule) = alone.permits().next() {
            return Err(PolicyError::Permits(rule.to_owned()));
        }
        if alone.rules().next().is_none() {
            return Err(PolicyError::Empty);
        }
        Self::of(&[base.trim_end(), EMERGENCY_HEAD, forbids.trim()].concat(), schema)
    }

    /// The rules as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of text and schema.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The names of the rules, sorted.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }
}
