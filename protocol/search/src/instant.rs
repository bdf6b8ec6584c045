//! Dates of every precision as intervals of milliseconds since 1970. It belongs to the crate.
//! What has no zone is taken as UTC.

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// The first and the last millisecond that a date, time or instant of FHIR means.
pub(crate) fn interval(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    let year = digits(bytes, 0, 4)?;
    if bytes.len() == 4 {
        return Some((days(year, 1, 1) * DAY, days(year + 1, 1, 1) * DAY - 1));
    }
    let month = after(bytes, 4, b'-', 2).filter(|month| (1..=12).contains(month))?;
    if bytes.len() == 7 {
        let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
        return Some((days(year, month, 1) * DAY, next * DAY - 1));
    }
    let day = after(bytes, 7, b'-', 2).filter(|day| (1..=month_days(year, month)).contains(day))?;
    let midnight = days(year, month, day) * DAY;
    match bytes.get(10) {
        None => Some((midnight, midnight + DAY - 1)),
        Some(b'T') => time(&bytes[11..]).map(|(low, high)| (midnight + low, midnight + high)),
        Some(_) => None,
    }
}

/// `hh:mm[:ss[.fff]][zone]` as milliseconds of a day in UTC.
fn time(bytes: &[u8]) -> Option<(i64, i64)> {
    let hour = digits(bytes, 0, 2).filter(|hour| *hour < 24)?;
    let minute = after(bytes, 2, b':', 2).filter(|minute| *minute < 60)?;
    let start = (hour * 60 + minute) * MINUTE;
    let (low, high, rest) = if bytes.get(5) == Some(&b':') {
        // A leap second is the last of its minute.
        let second = digits(bytes, 6, 2).filter(|second| *second <= 60)?.min(59);
        let (fraction, width, rest) = fraction(&bytes[8..])?;
        let low = start + second * 1000 + fraction;
        (low, low + width - 1, rest)
    } else {
        (start, start + MINUTE - 1, &bytes[5..])
    };
    let offset = zone(rest)? * MINUTE;
    Some((low - offset, high - offset))
}

/// The fraction of a second in milliseconds, how many it covers, and what follows.
fn fraction(bytes: &[u8]) -> Option<(i64, i64, &[u8])> {
    if bytes.first() != Some(&b'.') {
        return Some((0, 1000, bytes));
    }
    let count = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shown = count.min(3);
    let value = digits(bytes, 1, shown).filter(|_| count > 0)?;
    let width = [1000, 100, 10, 1][shown];
    Some((value * width, width, &bytes[1 + count..]))
}

/// Minutes east of Greenwich. A `+` that a form turned into a space is one.
fn zone(bytes: &[u8]) -> Option<i64> {
    let sign = match bytes.first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (bytes.len() == 1).then_some(0),
        Some(b'+' | b' ') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let hours = digits(bytes, 1, 2).filter(|hours| *hours <= 14)?;
    let minutes = after(bytes, 3, b':', 2).filter(|minutes| *minutes < 60)?;
    (bytes.len() == 6).then_some(sign * (hours * 60 + minutes))
}

fn after(bytes: &[u8], at: usize, mark: u8, count: usize) -> Option<i64> {
    (bytes.get(at) == Some(&mark)).then(|| digits(bytes, at + 1, count))?
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i64> {
    bytes.get(at..at + count)?.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn at(text: &str) -> i64 {
        let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
        i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap()
    }

    #[test]
    fn every_precision_is_an_interval() {
        for (text, low, high) in [
            ("2013", "2013-01-01T00:00:00Z", "2013-12-31T23:59:59.999Z"),
            ("2013-12", "2013-12-01T00:00:00Z", "2013-12-31T23:59:59.999Z"),
            ("2012-02", "2012-02-01T00:00:00Z", "2012-02-29T23:59:59.999Z"),
            ("2013-01-14", "2013-01-14T00:00:00Z", "2013-01-14T23:59:59.999Z"),
            ("2013-01-14T10:30", "2013-01-14T10:30:00Z", "2013-01-14T10:30:59.999Z"),
            ("2013-01-14T10:30:05Z", "2013-01-14T10:30:05Z", "2013-01-14T10:30:05.999Z"),
            ("2013-01-14T10:30:05.1Z", "2013-01-14T10:30:05.1Z", "2013-01-14T10:30:05.199Z"),
            (
                "2013-01-14T10:30:05.123456-05:00",
                "2013-01-14T15:30:05.123Z",
                "2013-01-14T15:30:05.123Z",
            ),
            ("2013-01-14T00:30:00 13:45", "2013-01-13T10:45:00Z", "2013-01-13T10:45:00.999Z"),
            ("1900-01-01", "1900-01-01T00:00:00Z", "1900-01-01T23:59:59.999Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2016-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(interval(text), Some((at(low), at(high))), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "13",
            "2013-13",
            "2013-00",
            "2013-02-29",
            "2013-1-1",
            "20130114",
            "2013-01-14T",
            "2013-01-14T25:00",
            "2013-01-14T10",
            "2013-01-14T10:30:05.Z",
            "2013-01-14T10:30Zx",
            "2013-01-14T10:30:05+2",
            "2013-01-14 10:30",
            "2013-01-14T10:61",
            "tomorrow",
            "２０１３",
        ] {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
