//! A time of day of any precision. It belongs to the crate.

use std::cmp::Ordering;

use super::{part, two};

/// Digits of a second's fraction that are kept.
const FRACTION_DIGITS_MAX: usize = 9;

/// A second's fraction, with as many digits as were written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    /// In billionths of a second.
    pub nanoseconds: u32,
    /// How many digits were written, 1 to 9.
    pub digits: u8,
}

/// A time of day: the hour, and what follows as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: Option<u8>,
    /// 0 to 59, and 60 for a leap second, which counts as 59.
    pub second: Option<u8>,
    /// Of the second.
    pub fraction: Option<Fraction>,
}

impl Time {
    /// Midnight, as an hour alone.
    pub const MIDNIGHT: Self = Self { hour: 0, minute: None, second: None, fraction: None };

    /// Reads `14`, `14:34`, `14:34:28` or `14:34:28.123`: the whole text.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, length) = Self::prefix(text)?;
        (length == text.len()).then_some(time)
    }

    /// Reads as much of a text as is a time, and says how long that is.
    pub(crate) fn prefix(text: &str) -> Option<(Self, usize)> {
        let hour = two(text, 0).filter(|hour| *hour < 24)?;
        let mut time = Self { hour, ..Self::MIDNIGHT };
        let colon = |at: usize| text.as_bytes().get(at) == Some(&b':');
        if !colon(2) {
            return Some((time, 2));
        }
        time.minute = Some(two(text, 3).filter(|minute| *minute < 60)?);
        if !colon(5) {
            return Some((time, 5));
        }
        time.second = Some(two(text, 6).filter(|second| *second <= 60)?.min(59));
        let Some(rest) = text.get(8..).and_then(|rest| rest.strip_prefix('.')) else {
            return Some((time, 8));
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            // `@T10:30:00.precision()`: the dot is a path's.
            return Some((time, 8));
        }
        time.fraction = Some(fraction(&rest[..digits])?);
        Some((time, 9 + digits))
    }

    /// As FHIR writes it.
    pub fn text(self) -> String {
        use std::fmt::Write as _;

        let mut out = format!("{:02}", self.hour);
        for part in [self.minute, self.second].into_iter().flatten() {
            let _ = write!(out, ":{part:02}");
        }
        if let Some(Fraction { nanoseconds, digits }) = self.fraction {
            let all = format!("{nanoseconds:09}");
            let _ = write!(out, ".{}", &all[..usize::from(digits)]);
        }
        out
    }

    /// Which comes first; `None` where one of them is not precise enough to say.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let seconds = |time: Self| {
            time.second.map(|second| (second, time.fraction.map_or(0, |part| part.nanoseconds)))
        };
        part(Some(self.hour), Some(other.hour))
            .or_else(|()| part(self.minute, other.minute))
            .or_else(|()| part(seconds(self), seconds(other)))
            .unwrap_or(Some(Ordering::Equal))
    }

    /// Digits: 2 for an hour, 4, 6, and 9 with milliseconds.
    pub const fn precision(self) -> u8 {
        match (self.minute, self.second, self.fraction) {
            (None, ..) => 2,
            (_, None, _) => 4,
            (_, _, None) => 6,
            _ => 9,
        }
    }

    /// Milliseconds since midnight, what is unknown counted as 0.
    pub(crate) fn milliseconds(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute.unwrap_or(0));
        let seconds = minutes * 60 + i64::from(self.second.unwrap_or(0));
        seconds * 1000 + i64::from(self.fraction.map_or(0, |part| part.nanoseconds / 1_000_000))
    }

    /// The time at that many milliseconds since midnight, known as far as this one is.
    pub(crate) fn moved_to(self, milliseconds: i64) -> Self {
        let within = milliseconds.rem_euclid(86_400_000);
        let take = |each: i64, of: i64| u8::try_from(within / each % of).unwrap_or(0);
        let rest = self.fraction.map_or(0, |part| part.nanoseconds % 1_000_000);
        let millis = u32::try_from(within % 1000).unwrap_or(0);
        // A fraction appears where a whole second was moved by less than a second.
        let digits =
            self.fraction.map_or(3, |part| part.digits.max(if millis == 0 { 1 } else { 3 }));
        let fraction = (self.fraction.is_some() || (self.second.is_some() && millis > 0))
            .then_some(Fraction { nanoseconds: millis * 1_000_000 + rest, digits });
        Self {
            hour: take(3_600_000, 24),
            minute: self.minute.map(|_| take(60_000, 60)),
            second: self.second.map(|_| take(1000, 60)),
            fraction,
        }
    }
}

fn fraction(digits: &str) -> Option<Fraction> {
    let kept = &digits[..digits.len().min(FRACTION_DIGITS_MAX)];
    let number: u32 = kept.parse().ok()?;
    let places = u32::try_from(kept.len()).ok()?;
    Some(Fraction {
        nanoseconds: number * 10_u32.pow(9 - places),
        digits: u8::try_from(places).ok()?,
    })
}
