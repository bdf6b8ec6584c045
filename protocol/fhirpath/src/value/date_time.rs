//! A date, and a date with a time, of any precision. It belongs to the crate. Days are
//! counted in the proleptic Gregorian calendar, as ISO 8601 does.

use std::cmp::Ordering;

use super::{Time, part, two};

/// Minutes of the farthest time zone.
const OFFSET_MINUTES_MAX: i16 = 14 * 60;

/// A year, a month of a year, or a day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999
    pub year: u16,
    /// 1 to 12
    pub month: Option<u8>,
    /// 1 to 31, one that the month has.
    pub day: Option<u8>,
}

impl Date {
    /// Reads `2015`, `2015-02` or `2015-02-04`: the whole text.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, length) = Self::prefix(text)?;
        (length == text.len()).then_some(date)
    }

    /// Reads as much of a text as is a date, and says how long that is.
    pub(crate) fn prefix(text: &str) -> Option<(Self, usize)> {
        let year = u16::from(two(text, 0)?) * 100 + u16::from(two(text, 2)?);
        if year == 0 {
            return None;
        }
        let dash =
            |at: usize| text.as_bytes().get(at) == Some(&b'-') && two(text, at + 1).is_some();
        if !dash(4) {
            return Some((Self { year, month: None, day: None }, 4));
        }
        let month = two(text, 5).filter(|month| (1..=12).contains(month))?;
        if !dash(7) {
            return Some((Self { year, month: Some(month), day: None }, 7));
        }
        let day = two(text, 8).filter(|day| (1..=days_of(year, month)).contains(day))?;
        Some((Self { year, month: Some(month), day: Some(day) }, 10))
    }

    /// As FHIR writes it.
    pub fn text(self) -> String {
        use std::fmt::Write as _;

        let mut out = format!("{:04}", self.year);
        for part in [self.month, self.day].into_iter().flatten() {
            let _ = write!(out, "-{part:02}");
        }
        out
    }

    /// Which comes first; `None` where one of them is not precise enough to say.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        self.parts(other).unwrap_or(Some(Ordering::Equal))
    }

    /// As [`part`]: `Err` where both are the same day.
    fn parts(self, other: Self) -> Result<Option<Ordering>, ()> {
        part(Some(self.year), Some(other.year))
            .or_else(|()| part(self.month, other.month))
            .or_else(|()| part(self.day, other.day))
    }

    /// Digits: 4 for a year, 6, and 8 for a day.
    pub const fn precision(self) -> u8 {
        match (self.month, self.day) {
            (None, _) => 4,
            (_, None) => 6,
            _ => 8,
        }
    }

    /// Days since 1970-01-01, what is unknown counted as the first.
    pub(crate) fn days(self) -> i64 {
        let month = i64::from(self.month.unwrap_or(1));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day.unwrap_or(1)) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The day that many days after 1970-01-01; `None` outside the years 1 to 9999.
    pub(crate) fn from_days(days: i64) -> Option<Self> {
        let days = days.checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era.checked_mul(400)? + year_of_era + i64::from(month <= 2);
        Some(Self {
            year: u16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?,
            month: u8::try_from(month).ok(),
            day: u8::try_from(day).ok(),
        })
    }
}

/// Days of a month.
pub(crate) const fn days_of(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date, a time of that date where it is known, and how far from UTC it was told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The date; with a time it has a day.
    pub date: Date,
    /// The time of day.
    pub time: Option<Time>,
    /// Minutes that its clock is ahead of UTC.
    pub offset: Option<i16>,
}

impl DateTime {
    /// A date without its time.
    pub const fn of(date: Date) -> Self {
        Self { date, time: None, offset: None }
    }

    /// Reads a date, or one with a time and perhaps an offset: the whole text.
    pub fn parse(text: &str) -> Option<Self> {
        let (moment, length) = Self::prefix(text)?;
        (length == text.len()).then_some(moment)
    }

    /// Reads as much of a text as is a date with a time, and says how long that is.
    pub(crate) fn prefix(text: &str) -> Option<(Self, usize)> {
        let (date, mut length) = Date::prefix(text)?;
        let mut moment = Self::of(date);
        let Some(rest) = text[length..].strip_prefix('T') else { return Some((moment, length)) };
        length += 1;
        // `@2015T` is a date whose time is not known.
        if date.day.is_none() || !rest.starts_with(|first: char| first.is_ascii_digit()) {
            return Some((moment, length));
        }
        let (time, more) = Time::prefix(rest)?;
        moment.time = Some(time);
        length += more;
        if let Some((offset, more)) = offset(&rest[more..])? {
            moment.offset = Some(offset);
            length += more;
        }
        Some((moment, length))
    }

    /// As FHIR writes it.
    pub fn text(self) -> String {
        use std::fmt::Write as _;

        let mut out = self.date.text();
        if let Some(time) = self.time {
            out.push('T');
            out.push_str(&time.text());
        }
        match self.offset {
            Some(0) => out.push('Z'),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                let ahead = minutes.unsigned_abs();
                let _ = write!(out, "{sign}{:02}:{:02}", ahead / 60, ahead % 60);
            }
            None => {}
        }
        out
    }

    /// Which comes first; `None` where one of them is not precise enough to say, or where one
    /// has an offset and the other's could change the answer.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(_), Some(_)) => self.in_utc().fields(other.in_utc()),
            (None, None) => self.fields(other),
            _ if self.time.is_some() && other.time.is_some() => {
                let apart = self.date.days() - other.date.days();
                if apart.abs() >= 2 { Some(apart.cmp(&0)) } else { None }
            }
            _ => self.fields(other),
        }
    }

    fn fields(self, other: Self) -> Option<Ordering> {
        match self.date.parts(other.date) {
            Ok(decided) => decided,
            Err(()) => match (self.time, other.time) {
                (Some(left), Some(right)) => left.compare(right),
                (None, None) => Some(Ordering::Equal),
                _ => None,
            },
        }
    }

    /// The same moment on UTC's clock, as precise as it was.
    pub(crate) fn in_utc(self) -> Self {
        let (Some(time), Some(offset)) = (self.time, self.offset) else { return self };
        let moved =
            self.date.days() * 86_400_000 + time.milliseconds() - i64::from(offset) * 60_000;
        match Date::from_days(moved.div_euclid(86_400_000)) {
            Some(date) => Self { date, time: Some(time.moved_to(moved)), offset: Some(0) },
            None => self,
        }
    }

    /// Digits: those of the date, and with a time up to 17.
    pub fn precision(self) -> u8 {
        self.date.precision() + self.time.map_or(0, Time::precision)
    }

    /// The moment at that many milliseconds since 1970 in UTC, to the millisecond.
    pub fn from_unix_milliseconds(milliseconds: i64) -> Option<Self> {
        let date = Date::from_days(milliseconds.div_euclid(86_400_000))?;
        let full = Time::parse("00:00:00.000")?;
        Some(Self { date, time: Some(full.moved_to(milliseconds)), offset: Some(0) })
    }
}

/// The offset that a text begins with, and its length; `None` where it is a wrong one.
#[expect(clippy::option_option, reason = "no offset is right, a wrong one is not")]
fn offset(text: &str) -> Option<Option<(i16, usize)>> {
    let sign = match text.as_bytes().first() {
        Some(b'Z') => return Some(Some((0, 1))),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some(None),
    };
    if text.as_bytes().get(3) != Some(&b':') {
        return Some(None);
    }
    let (Some(hours), Some(minutes)) = (two(text, 1), two(text, 4)) else { return Some(None) };
    let ahead = i16::from(hours) * 60 + i16::from(minutes);
    (ahead <= OFFSET_MINUTES_MAX && minutes < 60).then_some(Some((sign * ahead, 6)))
}
