//! Time and randomness of this machine: the only place of the client that asks for them.
//! It belongs to the client, which is a shell around pure rules.
//! Nothing here is remembered.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use autoclave_base::UnixTime;
use rand::rngs::ThreadRng;

/// What a client takes the time from: this machine, or what a simulation says.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixTime + Send + Sync>);

impl Clock {
    /// This machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(now))
    }

    /// The time as `tell` tells it.
    pub fn simulated(tell: impl Fn() -> UnixTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Now.
    pub fn now(&self) -> UnixTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

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
