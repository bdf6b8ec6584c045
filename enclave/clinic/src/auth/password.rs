//! Passwords: argon2id (RFC 9106) with a salt of their own. The hospital's. A password is
//! never kept, printed or compared in time that depends on it.

use argon2::{Algorithm, Argon2, Params, Version};
use autoclave_base::{Secret, b64};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// RFC 9106, section 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Shortest password, beside a second factor (NIST SP 800-63B asks for 8).
const PASSWORD_CHARS_MIN: usize = 10;
/// Longest: a bound on what is hashed.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;

/// A password that may be set.
pub(crate) struct NewPassword(Secret<String>);

impl NewPassword {
    /// Takes 10 characters to 256 bytes.
    pub(crate) fn parse(password: Secret<String>) -> Option<Self> {
        let text = password.expose();
        let fits = text.chars().count() >= PASSWORD_CHARS_MIN && text.len() <= PASSWORD_BYTES_MAX;
        fits.then_some(Self(password))
    }
}

/// What is kept of a password.
#[derive(Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(with = "b64::serde_bytes")]
    salt: Vec<u8>,
    #[serde(with = "b64::serde_bytes")]
    hash: Vec<u8>,
}

/// The engine refused its parameters: they were not made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password hash is malformed")]
pub(crate) struct HashMalformed;

impl PasswordHash {
    /// Hashes a password; takes about 100 ms and 64 MiB.
    pub(crate) fn new(
        password: &NewPassword,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, HashMalformed> {
        let mut kept = Self::nobodys();
        rng.fill_bytes(&mut kept.salt);
        kept.hash = kept.hash(&password.0)?;
        Ok(kept)
    }

    /// For names without an account: costs as much to check and matches nothing, because
    /// its hash is too short to be any password's.
    pub(crate) fn nobodys() -> Self {
        let (salt, hash) = (vec![0; SALT_BYTES], Vec::new());
        Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash }
    }

    /// Whether it is the password; takes as long as [`PasswordHash::new`] either way.
    pub(crate) fn matches(&self, password: &Secret<String>) -> bool {
        match self.hash(password) {
            Ok(hash) => bool::from(hash.as_slice().ct_eq(&self.hash)),
            Err(HashMalformed) => false,
        }
    }

    fn hash(&self, password: &Secret<String>) -> Result<Vec<u8>, HashMalformed> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES));
        let argon2 =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(|_| HashMalformed)?);
        let mut hash = vec![0; HASH_BYTES];
        argon2
            .hash_password_into(password.expose().as_bytes(), &self.salt, &mut hash)
            .map_err(|_| HashMalformed)?;
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use autoclave_cell::Entropy;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_password_matches_and_no_other() {
        let new = NewPassword::parse(secret("correct horse")).unwrap();
        let kept = PasswordHash::new(&new, &mut Entropy).unwrap();
        let stored = serde_json::to_vec(&kept).unwrap();
        let kept: PasswordHash = serde_json::from_slice(&stored).unwrap();
        assert!(kept.matches(&secret("correct horse")));
        assert!(!kept.matches(&secret("correct horsf")));
        assert!(!kept.matches(&secret("")));
    }

    #[test]
    fn nobodys_password_does_not_exist() {
        assert!(!PasswordHash::nobodys().matches(&secret("")));
        assert!(!PasswordHash::nobodys().matches(&secret("correct horse")));
    }

    #[test]
    fn lengths_are_bounded() {
        for bad in ["", "123456789", &"a".repeat(PASSWORD_BYTES_MAX + 1)] {
            assert!(NewPassword::parse(secret(bad)).is_none());
        }
        assert!(NewPassword::parse(secret("äöüäöüäöüä")).is_some());
    }

    #[test]
    fn parameters_of_zero_are_refused_and_match_nothing() {
        let broken = PasswordHash { lanes: 0, ..PasswordHash::nobodys() };
        assert!(!broken.matches(&secret("correct horse")));
    }
}
