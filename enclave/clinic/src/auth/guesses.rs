//! How often somebody may guess. A pure rule over a count that is kept per name, known or
//! not. It never locks for ever: that would let strangers shut out a ward.

use autoclave_base::UnixTime;

/// Guesses before the first pause: a person mistypes thrice, a lost phone twice more.
const FREE_GUESSES: u32 = 5;
/// The first pause; each further guess doubles it.
const PAUSE_SECONDS_MIN: u64 = 30;
/// The longest pause: about 96 guesses a day, against 10^6 codes behind a password.
const PAUSE_SECONDS_MAX: u64 = 900;

/// Guesses at one name so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guesses {
    pub(crate) attempts: u32,
    /// No guess is looked at before this.
    pub(crate) until: UnixTime,
}

/// Whether a guess is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes.
    Admitted,
    /// Not before this time.
    Paused(UnixTime),
}

impl Default for Guesses {
    fn default() -> Self {
        Self { attempts: 0, until: UnixTime::from_seconds(0) }
    }
}

impl Guesses {
    /// A name without guesses for this long after its pause starts anew.
    pub(crate) const FORGET_SECONDS: u64 = 24 * 3600;

    /// Counts one more guess at `now`.
    pub(crate) fn another(self, now: UnixTime) -> (Verdict, Self) {
        if now < self.until {
            return (Verdict::Paused(self.until), self);
        }
        let forgotten = now.since(self.until) > Self::FORGET_SECONDS;
        let attempts = if forgotten { 1 } else { self.attempts.saturating_add(1) };
        let until = now.plus(pause_seconds(attempts));
        (Verdict::Admitted, Self { attempts, until })
    }
}

fn pause_seconds(attempts: u32) -> u64 {
    match attempts.checked_sub(FREE_GUESSES) {
        None => 0,
        // Beyond 16 doublings the longest pause holds anyway.
        Some(over) => (PAUSE_SECONDS_MIN << over.min(16)).min(PAUSE_SECONDS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn after(count: u32) -> Guesses {
        let mut guesses = Guesses::default();
        let mut now = NOW;
        for _ in 0..count {
            now = now.max(guesses.until);
            let (verdict, next) = guesses.another(now);
            assert_eq!(verdict, Verdict::Admitted);
            guesses = next;
        }
        guesses
    }

    #[test]
    fn five_guesses_are_free_and_the_sixth_waits() {
        assert_eq!(after(4).until, NOW);
        let five = after(5);
        assert_eq!(five.until, NOW.plus(30));
        assert_eq!(five.another(NOW.plus(29)), (Verdict::Paused(NOW.plus(30)), five));
        assert_eq!(five.another(NOW.plus(30)).0, Verdict::Admitted);
    }

    #[test]
    fn pauses_double_and_stay_bounded() {
        assert_eq!([5, 6, 7, 8].map(pause_seconds), [30, 60, 120, 240]);
        assert_eq!([10, 100, u32::MAX].map(pause_seconds), [900; 3]);
    }

    #[test]
    fn a_pause_is_not_prolonged_by_guessing_into_it() {
        let five = after(5);
        let (_, again) = five.another(NOW.plus(1));
        assert_eq!(again, five);
    }

    #[test]
    fn a_quiet_day_forgets() {
        let six = after(6);
        let (_, next) = six.another(six.until.plus(Guesses::FORGET_SECONDS + 1));
        assert_eq!(next.attempts, 1);
    }
}
