//! Lines about refusals that anybody can cause: some in each window have a line of their own,
//! the others are counted, and one line says how many they were. The cell's. So a stranger
//! cannot fill a ledger's disk, and no refusal goes untold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoclave_base::UnixTime;
use autoclave_ledger::{Event, Label};
use tokio::time::sleep;

use crate::ledger::{AppendError, Ledger};
use crate::{Cell, event};

/// Lines of their own in one window: what a person reads. At 250 bytes each, a flood that
/// never ends costs 11 MB a day.
pub const LINES_PER_WINDOW: u32 = 30;
/// Length of a window.
pub const WINDOW_SECONDS: u64 = 60;

/// The lines of one enclave.
pub(crate) struct RefusalLines {
    ledger: Ledger,
    budget: Mutex<Budget>,
}

/// What became of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It has a line.
    Line,
    /// It is counted, as the first of its window or as a further one.
    Counted { first: bool },
}

/// The budget of a window.
#[derive(Debug, Default)]
struct Budget {
    since: Option<UnixTime>,
    lines: u32,
    counted: u64,
}

impl Budget {
    /// What becomes of a refusal now; and how many of an earlier window wait for their line.
    fn ask(&mut self, now: UnixTime) -> (u64, Told) {
        let is_over = |since: UnixTime| now < since || now.since(since) >= WINDOW_SECONDS;
        let mut before = 0;
        if self.since.is_none_or(is_over) {
            (self.since, self.lines) = (Some(now), 0);
            before = std::mem::take(&mut self.counted);
        }
        if self.lines < LINES_PER_WINDOW {
            self.lines += 1;
            return (before, Told::Line);
        }
        self.counted += 1;
        (before, Told::Counted { first: self.counted == 1 })
    }
}

impl RefusalLines {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger, budget: Mutex::default() }
    }

    /// Writes the line of what was counted and not told yet.
    pub(crate) async fn tell_counted(&self, operation: &'static str) -> Result<(), AppendError> {
        let counted = std::mem::take(&mut self.lock().counted);
        self.summarise(operation, counted).await
    }

    async fn summarise(&self, operation: &'static str, count: u64) -> Result<(), AppendError> {
        if count == 0 {
            return Ok(());
        }
        let line = Event::Refusals { operation: Label::code(operation), count };
        let written = self.ledger.append(line).await;
        if written.is_err() {
            self.lock().counted += count;
        }
        written.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, Budget> {
        // Numbers that are changed one by one: a panic elsewhere leaves them whole.
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cell {
    /// Records that somebody unknown was refused: by a line of its own, whose index this
    /// gives, or by counting. When this returns, a line is durable; a count becomes one
    /// within [`WINDOW_SECONDS`], or when the enclave ends gracefully.
    pub async fn tell_refusal(
        &self,
        operation: &'static str,
        code: &str,
    ) -> Result<Option<u64>, AppendError> {
        let lines = &self.refusals;
        let (before, told) = lines.lock().ask(self.now());
        lines.summarise(operation, before).await?;
        match told {
            Told::Line => Ok(Some(self.ledger().append(refusal(operation, code)).await?.index)),
            Told::Counted { first } => {
                if first {
                    self.tell_counted_later(operation);
                }
                Ok(None)
            }
        }
    }

    fn tell_counted_later(&self, operation: &'static str) {
        let lines = Arc::downgrade(&self.refusals);
        self.spawn(async move {
            sleep(Duration::from_secs(WINDOW_SECONDS)).await;
            let Some(lines) = lines.upgrade() else { return };
            if let Err(error) = lines.tell_counted(operation).await {
                event!(ERROR, "refusals.not_told", reason = error.code());
            }
        });
    }
}

fn refusal(operation: &'static str, code: &str) -> Event {
    Event::Refusal {
        operation: Label::code(operation),
        code: Label::of_claim(code),
        rule: None,
        claim: None,
        expected: None,
        found: None,
        workload: None,
        token: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    #[test]
    fn a_flood_has_some_lines_and_then_a_count() {
        let mut budget = Budget::default();
        for _ in 0..LINES_PER_WINDOW {
            assert_eq!(budget.ask(NOW), (0, Told::Line));
        }
        assert_eq!(budget.ask(NOW.plus(1)), (0, Told::Counted { first: true }));
        assert_eq!(budget.ask(NOW.plus(2)), (0, Told::Counted { first: false }));
        assert_eq!(budget.ask(NOW.plus(WINDOW_SECONDS)), (2, Told::Line), "a new window");
        assert_eq!(budget.counted, 0);
    }

    #[test]
    fn a_clock_that_steps_back_begins_a_window() {
        let mut budget = Budget::default();
        for _ in 0..=LINES_PER_WINDOW {
            budget.ask(NOW);
        }
        assert_eq!(budget.ask(NOW.minus(5)), (1, Told::Line));
    }
}
