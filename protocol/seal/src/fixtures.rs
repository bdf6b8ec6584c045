//! What the tests of all modules need. It never stands in for anything that ships.

use rand_core::CryptoRng;

/// The operating system's randomness: no test depends on what it gives.
#[expect(clippy::disallowed_methods, reason = "tests have no caller to be given it by")]
pub(crate) fn rng() -> impl CryptoRng {
    rand::rng()
}
