//! Whether the cache is worth asking. The cell's; a rule that takes the time. A cache that
//! fails is left alone for a while, and one question at a time finds out whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Pause before a cache that failed is asked again: a few slow answers a minute at most.
const PAUSE: Duration = Duration::from_secs(5);

/// What the last answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It answered before and does not any more.
    Gone,
    /// It answers again.
    Back,
}

/// What is known of the cache.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    away_until: Option<Instant>,
    lies: bool,
}

impl Health {
    /// Whether to ask now. Where it was away, the first after the pause asks, and the others
    /// go on without.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        let mut known = self.lock();
        match known.away_until {
            Some(until) if now < until => false,
            Some(_) => {
                known.away_until = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// Takes note of an answer, or of none.
    pub(super) fn went(&self, well: bool, now: Instant) -> Change {
        let mut known = self.lock();
        let was_away = known.away_until.is_some();
        known.away_until = (!well).then(|| now + PAUSE);
        match (was_away, well) {
            (false, false) => Change::Gone,
            (true, true) => Change::Back,
            _ => Change::None,
        }
    }

    /// Takes note of a value that was altered, or was not; whether that is news of a lie.
    pub(super) fn judged(&self, lied: bool) -> bool {
        let before = std::mem::replace(&mut self.lock().lies, lied);
        lied && !before
    }

    /// Changed by single steps; a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_after_the_pause_finds_out() {
        let (health, start) = (Health::default(), Instant::now());
        assert!(health.may_ask(start));
        assert_eq!(health.went(false, start), Change::Gone);
        assert_eq!(health.went(false, start), Change::None, "two were under way");
        assert!(!health.may_ask(start + PAUSE / 2));
        let later = start + PAUSE;
        assert!(health.may_ask(later));
        assert!(!health.may_ask(later), "one at a time");
        assert_eq!(health.went(true, later), Change::Back);
        assert!(health.may_ask(later));
        assert_eq!(health.went(true, later), Change::None);
    }

    #[test]
    fn lies_are_news_once() {
        let health = Health::default();
        assert!(!health.judged(false));
        assert!(health.judged(true));
        assert!(!health.judged(true));
        assert!(!health.judged(false));
        assert!(health.judged(true));
    }
}
