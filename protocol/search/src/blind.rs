//! Keyed terms: what is searched for and what is indexed meet as 64 bits of HMAC-SHA256. It
//! belongs to whoever holds the records key. Without it a term says nothing; with it, nobody
//! can make two texts collide on purpose without being able to compute terms at all.

use autoclave_base::Secret;
use autoclave_fhir::Kind;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Parameter;

/// Makes terms.
#[derive(Clone)]
pub struct Blind {
    keyed: Hmac<Sha256>,
}

impl Blind {
    /// Under this key, which is for nothing else.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self { keyed: Hmac::new_from_slice(key.expose()).expect("a key of any length") }
    }

    /// The term of a text under a parameter.
    pub fn term(&self, parameter: Parameter, text: &str) -> i64 {
        self.of(b't', &parameter.0.to_be_bytes(), text.as_bytes())
    }

    /// The term of a system (a URI): the same under each parameter.
    pub fn system(&self, system: &str) -> i64 {
        if system.is_empty() { 0 } else { self.of(b's', &[], system.as_bytes()) }
    }

    /// The key of a resource: what references to it are indexed by, and what it is found by.
    pub fn reference(&self, kind: Kind, id: &str) -> i64 {
        self.of(b'r', &[kind.number()], id.as_bytes())
    }

    fn of(&self, domain: u8, context: &[u8], text: &[u8]) -> i64 {
        let mut keyed = self.keyed.clone();
        keyed.update(&[domain, u8::try_from(context.len()).unwrap_or(u8::MAX)]);
        keyed.update(context);
        keyed.update(text);
        let tag = keyed.finalize().into_bytes();
        let mut first = [0; 8];
        first.copy_from_slice(&tag[..8]);
        // 0 means "none" in a row.
        match i64::from_be_bytes(first) {
            0 => 1,
            term => term,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_depends_on_key_parameter_and_text() {
        let (blind, other) = (Blind::new(&Secret::new([1; 32])), Blind::new(&Secret::new([2; 32])));
        let (one, two) = (Parameter(1), Parameter(2));
        assert_eq!(blind.term(one, "a"), blind.term(one, "a"));
        assert_ne!(blind.term(one, "a"), blind.term(one, "b"));
        assert_ne!(blind.term(one, "a"), blind.term(two, "a"));
        assert_ne!(blind.term(one, "a"), other.term(one, "a"));
        assert_ne!(blind.term(one, "a"), blind.system("a"));
        let patient = Kind::known("Patient");
        assert_ne!(blind.reference(patient, "1"), blind.reference(Kind::known("Group"), "1"));
        assert_eq!(blind.system(""), 0);
    }
}
