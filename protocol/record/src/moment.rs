//! FHIR's dates as spans of milliseconds. It belongs to the crate. A date says a whole day, a
//! month or a year: what is compared are its first and last millisecond, in UTC where no zone
//! is given.

use autoclave_fhir::json::Node;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

/// First and last millisecond since 1970, both included.
pub(crate) type Span = (i64, i64);

/// All of time.
pub(crate) const ALWAYS: Span = (i64::MIN, i64::MAX);
const DAY_MS: i64 = 86_400_000;

/// What a `date`, `dateTime` or `instant` covers.
pub(crate) fn span(text: &str) -> Option<Span> {
    if text.contains('T') {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        let from = i64::try_from(nanos.div_euclid(1_000_000)).ok()?;
        return Some((from, from + if text.contains('.') { 0 } else { 999 }));
    }
    let mut parts = text.split('-');
    let year: i32 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month: Option<u8> = parts.next().map(str::parse).transpose().ok()?;
    let day: Option<u8> = parts.next().map(str::parse).transpose().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let first = Month::try_from(month.unwrap_or(1)).ok()?;
    let from = start(Date::from_calendar_date(year, first, day.unwrap_or(1)).ok()?);
    let end = match (month, day) {
        (_, Some(_)) => from + DAY_MS,
        (Some(12) | None, None) => start(Date::from_ordinal_date(year + 1, 1).ok()?),
        (Some(_), None) => start(Date::from_calendar_date(year, first.next(), 1).ok()?),
    };
    Some((from, end - 1))
}

/// What a `Period` covers; an end that is absent is open, one that is no date makes `None`.
pub(crate) fn period(node: &Node<'_>) -> Option<Span> {
    let from = node.text_of("start").map_or(Some(ALWAYS.0), |text| span(text).map(|at| at.0))?;
    let to = node.text_of("end").map_or(Some(ALWAYS.1), |text| span(text).map(|at| at.1))?;
    Some((from, to))
}

/// Whether two spans share a millisecond.
pub(crate) const fn overlap(one: Span, other: Span) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

fn start(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp() * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_covers_what_it_says() {
        let day = |text: &str| span(text).unwrap();
        assert_eq!(day("1970"), (0, 365 * DAY_MS - 1));
        assert_eq!(day("1972-02"), (day("1972-02-01").0, day("1972-02-29").1));
        assert_eq!(day("1971-12").1 + 1, day("1972").0);
        assert_eq!(day("1970-01-02"), (DAY_MS, 2 * DAY_MS - 1));
        assert_eq!(day("1970-01-01T01:00:00+01:00"), (0, 999));
        assert_eq!(day("1970-01-01T00:00:00.250Z"), (250, 250));
        for bad in ["", "70", "1970-13", "1970-02-30", "1970-01-01-01", "1970-01-01T00:00", "x"] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }
}
