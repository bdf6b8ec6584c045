//! The one shape of an error on every wire: problem details (RFC 9457) with a stable code.

use std::borrow::Cow;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// What a caller is told: a status, a stable code (`area.reason`) and one sentence.
///
/// The sentence is fixed per code. Input, identifiers and causes never stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says what happened.
    #[serde(rename = "type", default = "about_blank")]
    kind: Cow<'static, str>,
    /// One sentence for people.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// The stable code for programs.
    pub code: Cow<'static, str>,
    /// The refusal's line in the ledger of who refused, by which an administrator finds why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<NonZeroU64>,
}

const fn about_blank() -> Cow<'static, str> {
    Cow::Borrowed("about:blank")
}

impl Problem {
    /// `Content-Type` of a problem.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// Both texts are compile-time constants, so that no input can reach them.
    pub const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        let (title, code) = (Cow::Borrowed(title), Cow::Borrowed(code));
        Self { kind: about_blank(), title, status, code, line: None }
    }

    /// Reads a problem that another party sent; nothing else in the body is kept.
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The JSON to send.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        let problem = Problem::new(422, "seal.key_unknown", "The key is not ours any more.");
        assert_eq!(Problem::parse(&problem.to_json()), Some(problem.clone()));
        let text = String::from_utf8(problem.to_json()).unwrap();
        assert!(text.starts_with(r#"{"type":"about:blank","#), "{text}");
        assert_eq!(Problem::parse(b"<html>"), None);
    }
}
