//! The time that a lock has served: what the wall clock and the enclave's own running time
//! both say has passed. Pure; the shell reads the clocks. A clock that steps forward earns
//! nothing, one that steps back only delays, and time in which the enclave did not run does
//! not count.

use autoclave_base::UnixTime;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, which the host may set.
    pub now: UnixTime,
    /// Seconds that this process runs, by a clock that only goes forward.
    pub uptime_seconds: u64,
}

/// Measures between readings.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    last: Option<Reading>,
}

impl Meter {
    /// The seconds since the last reading that both clocks vouch for. The first one earns none.
    pub fn pass(&mut self, reading: Reading) -> u64 {
        let credit = |last: Reading| {
            let wall = reading.now.since(last.now);
            wall.min(reading.uptime_seconds.saturating_sub(last.uptime_seconds))
        };
        let passed = self.last.map_or(0, credit);
        self.last = Some(reading);
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(now: u64, uptime_seconds: u64) -> Reading {
        Reading { now: UnixTime::from_seconds(now), uptime_seconds }
    }

    #[test]
    fn only_what_both_clocks_say_has_passed_counts() {
        let mut meter = Meter::default();
        assert_eq!(meter.pass(reading(1000, 5)), 0, "the first reading");
        assert_eq!(meter.pass(reading(1010, 15)), 10);
        assert_eq!(meter.pass(reading(901_010, 16)), 1, "the wall clock stepped forward");
        assert_eq!(meter.pass(reading(1010, 26)), 0, "and back");
        assert_eq!(meter.pass(reading(1015, 31)), 5);
    }
}
