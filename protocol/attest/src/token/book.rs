//! Tokens that were verified before. A component shows the same token with each request for
//! minutes; what was found of its text stays true under the same keys and expectation. It
//! belongs to whoever verifies, and forgets with the attestor that it was made for: a token
//! is never looked up under other keys, and its times are judged anew each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use autoclave_base::UnixTime;

use super::{Expectation, KeySet, TokenRefusal, VerifiedToken, verify};

/// Tokens remembered at the same time: every component of a large deployment, twice.
const TOKENS_MAX: usize = 256;

/// Keys and expectation to verify under, and what was verified under them.
pub struct TokenBook {
    keys: KeySet,
    expected: Expectation,
    /// By signature, which is short; a hit counts only where the whole text is the same.
    known: Mutex<HashMap<String, Arc<VerifiedToken>>>,
}

impl TokenBook {
    /// A book in which nothing stands.
    pub fn new(keys: KeySet, expected: Expectation) -> Self {
        Self { keys, expected, known: Mutex::default() }
    }

    /// As [`verify`] under the book's keys and expectation.
    pub fn verify(&self, jwt: &str, now: UnixTime) -> Result<Arc<VerifiedToken>, TokenRefusal> {
        if let Some(token) = self.find(jwt) {
            token.in_time(&self.expected, now)?;
            return Ok(token);
        }
        let token = Arc::new(verify(jwt, &self.keys, &self.expected, now)?);
        self.remember(name(jwt).to_owned(), Arc::clone(&token), now);
        Ok(token)
    }

    fn find(&self, jwt: &str) -> Option<Arc<VerifiedToken>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name(jwt)).filter(|token| token.raw() == jwt).cloned()
    }

    /// Where the book is full of living tokens, newcomers are verified each time.
    fn remember(&self, name: String, token: Arc<VerifiedToken>, now: UnixTime) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOKENS_MAX {
            known.retain(|_, token| now < token.expires());
        }
        if known.len() < TOKENS_MAX {
            known.insert(name, token);
        }
    }
}

/// What a token is looked up by: its signature.
fn name(jwt: &str) -> &str {
    jwt.rsplit_once('.').map_or(jwt, |(_, signature)| signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, World, expectation, key};
    use crate::token::TOKEN_LIFE_SECONDS;

    fn book() -> TokenBook {
        TokenBook::new(World::new().keys(), expectation())
    }

    #[test]
    fn a_token_is_remembered_and_stays_what_it_was() {
        let (book, token) = (book(), World::new().token("clinic", &key(11)));
        let first = book.verify(token.raw(), NOW).unwrap();
        let again = book.verify(token.raw(), NOW.plus(1)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(again.digest(), token.digest());
    }

    #[test]
    fn a_remembered_token_ends_when_it_ends() {
        let (book, token) = (book(), World::new().token("clinic", &key(11)));
        book.verify(token.raw(), NOW).unwrap();
        let end = NOW.plus(TOKEN_LIFE_SECONDS);
        assert_eq!(book.verify(token.raw(), end).unwrap_err(), TokenRefusal::Expired);
        let before = NOW.minus(3_600);
        assert_eq!(book.verify(token.raw(), before).unwrap_err(), TokenRefusal::NotYetValid);
    }

    #[test]
    fn no_other_text_passes_for_a_remembered_one() {
        let (book, token) = (book(), World::new().token("clinic", &key(11)));
        book.verify(token.raw(), NOW).unwrap();
        let (signed, _) = token.raw().rsplit_once('.').unwrap();
        let unsigned = format!("{signed}.{}", "A".repeat(86));
        assert!(book.verify(&unsigned, NOW).is_err());
        let (head, signature) = token.raw().rsplit_once('.').unwrap();
        assert!(book.verify(&format!("{head}A.{signature}"), NOW).is_err());
        assert_eq!(book.known.lock().unwrap().len(), 1);
    }

    #[test]
    fn another_book_remembers_nothing() {
        let token = World::new().token("clinic", &key(11));
        book().verify(token.raw(), NOW).unwrap();
        let strict = TokenBook::new(World::new().keys(), Expectation::new("other", "other"));
        assert_eq!(strict.verify(token.raw(), NOW).unwrap_err(), TokenRefusal::Issuer);
    }

    #[test]
    fn a_full_book_still_verifies() {
        let (book, token) = (book(), World::new().token("clinic", &key(11)));
        let verified = book.verify(token.raw(), NOW).unwrap();
        for number in 0..TOKENS_MAX {
            book.remember(number.to_string(), Arc::clone(&verified), NOW);
        }
        let other = World::new().token("clinic", &key(12));
        assert!(book.verify(other.raw(), NOW).is_ok());
        assert_eq!(book.known.lock().unwrap().len(), TOKENS_MAX);
        book.remember("late".to_owned(), verified, NOW.plus(TOKEN_LIFE_SECONDS));
        assert_eq!(book.known.lock().unwrap().len(), 1, "the expired ones are gone");
    }
}
