//! What a refused caller is told, and which refusals are lines of the ledger. The cache's.
//! Strangers cannot fill the disk: only attested code that may not call here makes a line,
//! at most one in a while; every refusal is counted.

use std::sync::{Mutex, PoisonError};

use autoclave_base::UnixTime;
use autoclave_cell::{Cell, Refusal};
use autoclave_ledger::{Event, Label};
use http::StatusCode;

/// Least time between two lines: whoever calls in error calls often.
const LINE_SECONDS_MIN: u64 = 60;

/// The refusal that says that a whole chain verified, and names nobody who may call.
const NOT_ACCEPTED: &str = "chain.not_accepted";

/// There is no such value.
pub(crate) const MISSING: Refusal = Refusal::not_found("cache.missing", "There is no such value.");
/// The name is not 64 hexadecimal digits.
pub(crate) const NAME: Refusal =
    Refusal::bad_request("cache.name", "A value's name is 64 lower-case hexadecimal digits.");
/// The life is missing or too long.
pub(crate) const SECONDS: Refusal =
    Refusal::bad_request("cache.seconds", "A value lives for 1 to 86400 seconds.");
/// The query is not a known one.
pub(crate) const WISH: Refusal =
    Refusal::bad_request("cache.query", "The query of a reading is link=true or nothing.");
/// The value is too large.
pub(crate) const TOO_LARGE: Refusal =
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "cache.too_large", "A value has at most 4 MiB.");
/// Too many bodies at once.
pub(crate) const BUSY: Refusal =
    Refusal::unavailable("cache.busy", "Too many values at once; try again in a while.");

/// When the last line was written.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Option<UnixTime>>);

impl Lines {
    /// Counts a refusal of a chain, and writes its line where it is due.
    pub(crate) async fn note(&self, cell: &Cell, refusal: Refusal) -> Refusal {
        cell.metrics().count("cache_refusals", label(&refusal));
        if refusal.code() != NOT_ACCEPTED || !self.due(cell.now()) {
            return refusal;
        }
        match cell.ledger().append(line()).await {
            Ok(_) => refusal,
            Err(error) => Refusal::internal(error.code()),
        }
    }

    fn due(&self, now: UnixTime) -> bool {
        // A time; a panic elsewhere leaves it whole.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now < last || now.since(last) >= LINE_SECONDS_MIN);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// Constants only: a label is one of few.
fn label(refusal: &Refusal) -> &'static str {
    match refusal.code() {
        "chain.missing" => "missing",
        "chain.link_refused" => "link_refused",
        "chain.replayed" => "replayed",
        NOT_ACCEPTED => "not_accepted",
        _ => "other",
    }
}

fn line() -> Event {
    Event::Refusal {
        operation: Label::code("cache"),
        code: Label::code(NOT_ACCEPTED),
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

    #[test]
    fn lines_are_seldom() {
        let (lines, now) = (Lines::default(), UnixTime::from_seconds(1_800_000_000));
        assert!(lines.due(now));
        assert!(!lines.due(now.plus(LINE_SECONDS_MIN - 1)));
        assert!(lines.due(now.plus(LINE_SECONDS_MIN)));
        assert!(lines.due(now), "a clock that was set back does not silence it");
    }
}
