//! Dates and times of queries as spans of milliseconds. Pure. A date without a time zone is
//! one of UTC.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

const DAY_MS: i64 = 86_400_000;

/// First and last millisecond since 1970 of a `date`, `dateTime` or `instant`.
pub(crate) fn span(text: &str) -> Option<(i64, i64)> {
    // A `+` of a time zone that was not percent-encoded arrives as a space.
    let text = text.trim().replace(' ', "+");
    if text.contains('T') {
        return moment(&text);
    }
    let mut parts = text.split('-');
    let year: i32 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let number = |part: Option<&str>| match part {
        Some(part) if part.len() == 2 => part.parse::<u8>().map(Some).map_err(|_| ()),
        Some(_) => Err(()),
        None => Ok(None),
    };
    let month = number(parts.next()).ok()?;
    let day = number(parts.next()).ok()?;
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

fn moment(text: &str) -> Option<(i64, i64)> {
    let (_, clock) = text.split_once('T')?;
    let zone = clock.find(['Z', '+', '-']);
    let (digits, zone) = clock.split_at(zone.unwrap_or(clock.len()));
    let zone = if zone.is_empty() { "Z" } else { zone };
    let day = text.split('T').next()?;
    let (full, width) = match digits.len() {
        5 => (format!("{day}T{digits}:00{zone}"), 59_999),
        8 => (format!("{day}T{digits}{zone}"), 999),
        _ => (format!("{day}T{digits}{zone}"), 0),
    };
    let nanos = OffsetDateTime::parse(&full, &Rfc3339).ok()?.unix_timestamp_nanos();
    let from = i64::try_from(nanos.div_euclid(1_000_000)).ok()?;
    Some((from, from + width))
}

fn start(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp() * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_and_zone_is_a_span() {
        for (text, from, to) in [
            ("1970", 0, 31_535_999_999),
            ("1970-01", 0, 2_678_399_999),
            ("1970-12", 28_857_600_000, 31_535_999_999),
            ("1970-01-02", 86_400_000, 172_799_999),
            ("1970-01-01T00:01", 60_000, 119_999),
            ("1970-01-01T00:00:01Z", 1000, 1999),
            ("1970-01-01T00:00:01.5Z", 1500, 1500),
            ("1970-01-01T02:00:00+02:00", 0, 999),
            ("1970-01-01T02:00:00 02:00", 0, 999),
        ] {
            assert_eq!(span(text), Some((from, to)), "{text}");
        }
        for bad in ["", "70", "1970-13", "1970-02-30", "1970-1", "1970-01-01T25:00:00Z", "now"] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }
}
