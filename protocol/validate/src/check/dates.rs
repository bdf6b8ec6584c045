//! Dates and times at every precision of the standard, down to the calendar.

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, of a day that is in the calendar.
pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.len() {
        4 => year(bytes).is_some(),
        7 => year_month(bytes).is_some(),
        10 => is_day(bytes),
        _ => false,
    }
}

/// A date, or a day with `Thh:mm:ss`, parts of a second and the time zone.
pub(super) fn is_date_time(text: &str) -> bool {
    if text.len() <= 10 { is_date(text) } else { is_instant(text) }
}

/// A day with `Thh:mm:ss`, parts of a second and the time zone.
pub(super) fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || !is_day(&bytes[..10]) {
        return false;
    }
    let Some(zone) = bytes[19..].iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-')) else {
        return false;
    };
    is_clock(&bytes[11..19 + zone]) && is_zone(&bytes[19 + zone..])
}

/// `hh:mm:ss`, with parts of a second.
pub(super) fn is_time(text: &str) -> bool {
    is_clock(text.as_bytes())
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

fn year(bytes: &[u8]) -> Option<u32> {
    number(&bytes[..4]).filter(|year| *year > 0)
}

fn year_month(bytes: &[u8]) -> Option<(u32, u32)> {
    let month = number(&bytes[5..7]).filter(|month| (1..=12).contains(month))?;
    (bytes[4] == b'-').then_some((year(bytes)?, month))
}

fn is_day(bytes: &[u8]) -> bool {
    let (Some((year, month)), Some(day)) = (year_month(bytes), number(&bytes[8..10])) else {
        return false;
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    bytes[7] == b'-' && (1..=days).contains(&day)
}

/// A leap second is a second.
fn is_clock(bytes: &[u8]) -> bool {
    let below = |at: usize, limit: u32| number(&bytes[at..at + 2]).is_some_and(|n| n < limit);
    bytes.len() >= 8
        && bytes[2] == b':'
        && bytes[5] == b':'
        && below(0, 24)
        && below(3, 60)
        && below(6, 61)
        && match &bytes[8..] {
            [] => true,
            [b'.', rest @ ..] => !rest.is_empty() && rest.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

/// `Z`, or an offset of at most 14 hours.
fn is_zone(bytes: &[u8]) -> bool {
    match bytes {
        b"Z" => true,
        [b'+' | b'-', hours @ .., b':', a, b] if hours.len() == 2 => {
            match (number(hours), number(&[*a, *b])) {
                (Some(hours), Some(minutes)) => {
                    hours < 14 && minutes < 60 || hours == 14 && minutes == 0
                }
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_fit_at_each_precision_and_must_be_in_the_calendar() {
        for text in ["2020", "0001", "2020-02", "2020-02-29", "2000-02-29", "2021-12-31"] {
            assert!(is_date(text) && is_date_time(text), "{text}");
        }
        for text in [
            "",
            "20",
            "0000",
            "2020-",
            "2020-13",
            "2020-00",
            "2020-1",
            "2021-02-29",
            "1900-02-29",
            "2020-04-31",
            "2020-01-00",
            "2020/01/01",
            "2020-01-01 ",
            "20200101",
            "２０２０",
            "2020-01-1",
        ] {
            assert!(!is_date(text) && !is_date_time(text), "{text}");
        }
    }

    #[test]
    fn times_need_seconds_and_a_zone() {
        for text in [
            "2020-01-01T00:00:00Z",
            "2020-01-01T23:59:60Z",
            "2020-01-01T12:00:00.123456789+14:00",
            "2020-01-01T12:00:00-13:59",
        ] {
            assert!(is_date_time(text) && is_instant(text) && !is_date(text), "{text}");
        }
        for text in [
            "2020-01-01T12:00Z",
            "2020-01-01T12:00:00",
            "2020-01-01T24:00:00Z",
            "2020-01-01T12:60:00Z",
            "2020-01-01T12:00:61Z",
            "2020-01-01T12:00:00.Z",
            "2020-01-01T12:00:00+14:01",
            "2020-01-01T12:00:00+0100",
            "2020-01-01T12:00:00+é0:0",
            "2020-01-01t12:00:00z",
            "2020-01T12:00:00Z",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }
}
