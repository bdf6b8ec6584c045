//! Whether a sealed request is new: OHTTP alone would open a recorded request again. A date
//! inside the sealed head must be near to now, and within that window each request is
//! admitted once. The cache belongs to one set of sealing keys and may not be dropped before
//! them; nothing here is written to disk.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use autoclave_base::UnixTime;
use http::{HeaderMap, HeaderValue, header::DATE};

use crate::request::RequestKey;

/// How far a request's date may lie from now, either way: clocks of hospital machines
/// differ by a minute at times, and a 200 MB upload begins when it is dated.
pub const WINDOW_S: u64 = 120;
/// Requests remembered: 1,000 a second for the whole of both windows, twice over. At about
/// 100 bytes each the cache stays below 64 MB.
pub const ENTRIES_MAX: usize = 500_000;
/// The last second that an IMF-fixdate can write: the end of the year 9999.
const DATE_MAX: u64 = 253_402_300_799;

/// Why a request that opened is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FreshnessRefusal {
    /// No date, more than one, or not an IMF-fixdate.
    #[error("the sealed request carries no single valid date")]
    DateMissing,
    /// The date is more than [`WINDOW_S`] seconds away.
    #[error("the sealed request's date is too far from now")]
    DateWindow,
    /// This very request was admitted before, or nobody remembers any more whether it was.
    #[error("the sealed request was received before")]
    Replayed,
    /// Too many requests to remember one more.
    #[error("too many requests; try again in a while")]
    Busy,
}

impl FreshnessRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DateMissing => "seal.date_missing",
            Self::DateWindow => "seal.date_window",
            Self::Replayed => "seal.replayed",
            Self::Busy => "seal.busy",
        }
    }
}

/// The requests admitted within the window: bounded, and full means refusal, because
/// forgetting one would let it in twice.
pub struct ReplayCache {
    admitted: HashSet<RequestKey>,
    by_end: BTreeSet<(UnixTime, RequestKey)>,
    /// The end of the latest window that was forgotten. A clock that steps forth and back
    /// again must not open it anew.
    forgotten: Option<UnixTime>,
    entries_max: usize,
}

impl ReplayCache {
    /// An empty cache that remembers up to [`ENTRIES_MAX`] requests.
    pub fn new() -> Self {
        Self::with_room_for(ENTRIES_MAX)
    }

    /// An empty cache of another size.
    pub fn with_room_for(entries_max: usize) -> Self {
        Self { admitted: HashSet::new(), by_end: BTreeSet::new(), forgotten: None, entries_max }
    }

    /// Admits the request `key`, dated `date`, exactly once. Refused requests leave no trace.
    pub fn admit(
        &mut self,
        key: RequestKey,
        date: UnixTime,
        now: UnixTime,
    ) -> Result<(), FreshnessRefusal> {
        if date > now.plus(WINDOW_S) || now > date.plus(WINDOW_S) {
            return Err(FreshnessRefusal::DateWindow);
        }
        self.forget_before(now);
        let end = date.plus(WINDOW_S);
        if self.admitted.contains(&key) || self.forgotten.is_some_and(|last| end <= last) {
            return Err(FreshnessRefusal::Replayed);
        }
        if self.admitted.len() >= self.entries_max {
            return Err(FreshnessRefusal::Busy);
        }
        self.admitted.insert(key);
        self.by_end.insert((end, key));
        Ok(())
    }

    /// How many requests are remembered.
    pub fn len(&self) -> usize {
        self.admitted.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Drops those whose date alone refuses them by now.
    fn forget_before(&mut self, now: UnixTime) {
        while let Some(&(end, key)) = self.by_end.first() {
            if end >= now {
                return;
            }
            self.by_end.pop_first();
            self.admitted.remove(&key);
            self.forgotten = self.forgotten.max(Some(end));
        }
    }
}

impl Default for ReplayCache {
    fn default() -> Self {
        Self::new()
    }
}

/// The one date of a request's head.
pub fn date(headers: &HeaderMap) -> Result<UnixTime, FreshnessRefusal> {
    let mut dates = headers.get_all(DATE).iter();
    let (Some(date), None) = (dates.next(), dates.next()) else {
        return Err(FreshnessRefusal::DateMissing);
    };
    parse(date).ok_or(FreshnessRefusal::DateMissing)
}

/// Only the one form that is written today (RFC 9110, section 5.6.7): writing what was read
/// must give the same text.
fn parse(date: &HeaderValue) -> Option<UnixTime> {
    let text = date.to_str().ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let parsed = UnixTime::from_seconds(seconds);
    (imf_fixdate(parsed) == text).then_some(parsed)
}

/// Dates a request's head with `now`, in place of any date that it had.
pub(crate) fn stamp(headers: &mut HeaderMap, now: UnixTime) {
    if let Ok(date) = HeaderValue::try_from(imf_fixdate(now)) {
        headers.insert(DATE, date);
    }
}

fn imf_fixdate(time: UnixTime) -> String {
    let since = Duration::from_secs(time.seconds().min(DATE_MAX));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
}
