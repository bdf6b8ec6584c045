//! Time and randomness of this machine: the only place of the client that asks for them.
//! It belongs to the client, which is a shell around pure rules.
//! Nothing here is remembered.

use std::time::{SystemTime, UNIX_EPOCH};

use autoclave_base::UnixTime;
use rand::rngs::ThreadRng;

/// Seconds since the epoch by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "a shell asks the clock and hands it on")]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime::from_seconds(since.map_or(0, |since| since.as_secs()))
}

/// The operating system's randomness, through this thread's generator.
#[expect(clippy::disallowed_methods, reason = "a shell draws randomness and hands it on")]
pub fn random() -> ThreadRng {
    rand::rng()
}
