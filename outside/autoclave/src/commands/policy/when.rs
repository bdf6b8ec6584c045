//! Times as people write them: a date, an RFC 3339 time in UTC, UNIX seconds, a weekday.
//! It belongs to the command line.
//! No time zone is guessed: all of it is UTC.

use autoclave_base::UnixTime;

use crate::failure::{Failure, Outcome};

const DAY_SECONDS: u64 = 86_400;
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] =
    ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

/// From when and until when; both ends belong to it.
pub(super) type Range = (Option<UnixTime>, Option<UnixTime>);

/// The range that somebody asks for at `now`.
pub(super) fn range(
    since: Option<&str>,
    until: Option<&str>,
    on: Option<&str>,
    now: UnixTime,
) -> Outcome<Range> {
    let Some(day) = on else {
        return Ok((since.map(moment).transpose()?, until.map(moment).transpose()?));
    };
    let begin = match weekday(day, now) {
        Some(begin) => begin,
        None => moment(day)?,
    };
    Ok((Some(begin), Some(begin.plus(DAY_SECONDS - 1))))
}

/// The beginning of the last day of that name; today does not count.
fn weekday(name: &str, now: UnixTime) -> Option<UnixTime> {
    let name = name.to_lowercase();
    let wanted = WEEKDAYS.iter().position(|day| *day == name)? as u64;
    let today = now.seconds() / DAY_SECONDS;
    let back = (today % 7 + 7 - wanted) % 7;
    let back = if back == 0 { 7 } else { back };
    Some(UnixTime::from_seconds((today - back) * DAY_SECONDS))
}

/// One moment.
pub(super) fn moment(text: &str) -> Outcome<UnixTime> {
    if let Ok(seconds) = text.parse() {
        return Ok(UnixTime::from_seconds(seconds));
    }
    parsed(text).ok_or_else(|| {
        let what = format!("{text} is no time");
        Failure::new("policy.time", what)
            .advise("Write 2026-11-17, 2026-11-17T09:30:00Z or UNIX seconds.")
    })
}

fn parsed(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let date: Vec<u64> = numbers(date, '-')?;
    let time: Vec<u64> = numbers(time.strip_suffix('Z')?, ':')?;
    let ([year, month, day], [hour, minute, second]) =
        (date[..].try_into().ok()?, time[..].try_into().ok()?);
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = days(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    fits.then(|| UnixTime::from_seconds(seconds))
        .filter(|time| time.rfc3339().starts_with(text.split('T').next().unwrap_or_default()))
}

fn numbers(text: &str, between: char) -> Option<Vec<u64>> {
    text.split(between).map(|part| part.parse().ok()).collect()
}

/// Days from 1970-01-01 (Howard Hinnant, `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-18T11:06:40Z, a Wednesday.
    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1795000000", "2026-11-18T11:06:40Z"),
            ("2026-11-18", "2026-11-18T00:00:00Z"),
            ("2026-11-18T11:06:40Z", "2026-11-18T11:06:40Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
            ("1970-01-01", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(moment(text).unwrap().rfc3339(), expected);
        }
        for text in ["", "yesterday", "2026-02-30", "2026-11-18T25:00:00Z", "2026-11-18T11:06:40"] {
            assert_eq!(moment(text).unwrap_err().code(), "policy.time", "{text}");
        }
    }

    #[test]
    fn last_tuesday_is_a_whole_day() {
        let day = |name| {
            let (since, until) = range(None, None, Some(name), NOW).unwrap();
            (since.unwrap().rfc3339(), until.unwrap().rfc3339())
        };
        let tuesday = ("2026-11-17T00:00:00Z".to_owned(), "2026-11-17T23:59:59Z".to_owned());
        assert_eq!(day("Tuesday"), tuesday);
        assert_eq!(day("2026-11-17"), tuesday);
        assert_eq!(day("wednesday").0, "2026-11-11T00:00:00Z", "the last one, not today");
    }
}
