//! Where an enclave gets the time and randomness that pure rules take as arguments. The
//! cell's, and the only place in an enclave that asks for either. Neither is believed to
//! be more than the host's word and the processor's generator.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use autoclave_base::UnixTime;
use rand::{Rng as _, TryCryptoRng, TryRng};

/// The time: the system's, or one that a test turns by hand.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Manual>),
}

/// What a hand turns: the wall's time, and how long it has run.
#[derive(Debug, Default)]
struct Manual {
    now: AtomicU64,
    uptime: AtomicU64,
}

/// When this process first looked at a clock that only goes forward.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::advance`]; copies turn together.
    pub fn manual(now: UnixTime) -> Self {
        let now = AtomicU64::new(now.seconds());
        Self(Source::Manual(Arc::new(Manual { now, uptime: AtomicU64::default() })))
    }

    /// Now.
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System => system_time(),
            Source::Manual(hand) => UnixTime::from_seconds(hand.now.load(Ordering::SeqCst)),
        }
    }

    /// Now, in milliseconds since 1970; a manual clock stands at whole seconds.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => system_time_ms(),
            Source::Manual(_) => {
                i64::try_from(self.now().seconds().saturating_mul(1000)).unwrap_or(i64::MAX)
            }
        }
    }

    /// For how many seconds this clock runs, whatever the wall's time was set to meanwhile.
    pub fn uptime_seconds(&self) -> u64 {
        match &self.0 {
            Source::System => STARTED.elapsed().as_secs(),
            Source::Manual(hand) => hand.uptime.load(Ordering::SeqCst),
        }
    }

    /// Sets a manual clock, forth or back; the system's stays as it is.
    pub fn set(&self, to: UnixTime) {
        if let Source::Manual(hand) = &self.0 {
            hand.now.store(to.seconds(), Ordering::SeqCst);
        }
    }

    /// Turns a manual clock; the system's stays as it is.
    pub fn advance(&self, seconds: u64) {
        if let Source::Manual(hand) = &self.0 {
            hand.now.fetch_add(seconds, Ordering::SeqCst);
            hand.uptime.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

/// A clock before 1970 reads as 1970: every token is then refused, none accepted.
#[expect(clippy::disallowed_methods, reason = "the shell asks for the time, rules take it")]
fn system_time() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}

/// As [`system_time`].
#[expect(clippy::disallowed_methods, reason = "the shell asks for the time, rules take it")]
fn system_time_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The enclave's generator: the thread's, seeded by the system. Holds nothing itself, so
/// that it can live across an `await`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entropy;

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(thread().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(thread().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        thread().fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}

#[expect(clippy::disallowed_methods, reason = "the shell draws randomness, rules take it")]
fn thread() -> rand::rngs::ThreadRng {
    rand::rng()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_manual_clock_turn_together() {
        let clock = Clock::manual(UnixTime::from_seconds(100));
        let copy = clock.clone();
        clock.advance(5);
        assert_eq!(copy.now(), UnixTime::from_seconds(105));
        clock.set(UnixTime::from_seconds(9_000));
        assert_eq!(copy.uptime_seconds(), 5, "a wall clock that is set makes nobody older");
    }

    #[test]
    fn the_system_clock_is_past_2026_and_cannot_be_turned() {
        let clock = Clock::system();
        clock.advance(1_000_000_000);
        let now = clock.now().seconds();
        assert!((1_767_225_600..2_700_000_000).contains(&now), "{now}");
    }

    #[test]
    fn randomness_is_not_constant() {
        let mut bytes = [[0_u8; 32]; 2];
        for part in &mut bytes {
            Entropy.fill_bytes(part);
        }
        assert_ne!(bytes[0], bytes[1]);
    }
}
