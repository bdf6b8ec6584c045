//! Why a command failed: a stable code, a sentence, and what to do about it.
//! It belongs to the command line.
//! It never carries a secret or what a patient's image holds.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// A command's failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: String,
    message: String,
    advice: Option<String>,
}

/// The outcome of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure under a stable code.
    pub fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { code: code.into(), message: message.to_string(), advice: None }
    }

    /// A file or folder that could not be used.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new("file.unusable", format!("{}: {error}", path.display()))
    }

    /// A file that does not hold what it should.
    pub fn malformed(path: &Path, error: impl fmt::Display) -> Self {
        Self::new("file.malformed", format!("{}: {error}", path.display()))
    }

    /// With what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "advice": self.advice })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} [{}]", self.message, self.code)?;
        match &self.advice {
            Some(advice) => write!(formatter, "\n{advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_code_and_advice() {
        let failure = Failure::new("area.reason", "it broke").advise("mend it");
        assert_eq!(failure.to_string(), "it broke [area.reason]\nmend it");
        assert_eq!(failure.to_json()["code"], "area.reason");
    }
}
