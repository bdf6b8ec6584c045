//! Dates and times moved by a duration, as FHIRPath's `+` and `-` do. It belongs to the
//! crate. Years and months move by the calendar; a day that its month lacks becomes the last.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::date_time::days_of;
use super::{Date, DateTime, Time};

/// A step of the calendar or the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A year.
    Year,
    /// A month.
    Month,
    /// Seven days.
    Week,
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A minute.
    Minute,
    /// A second.
    Second,
    /// A thousandth of a second.
    Millisecond,
}

impl Step {
    /// The step of a calendar's word, singular or plural.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "year" | "years" => Self::Year,
            "month" | "months" => Self::Month,
            "week" | "weeks" => Self::Week,
            "day" | "days" => Self::Day,
            "hour" | "hours" => Self::Hour,
            "minute" | "minutes" => Self::Minute,
            "second" | "seconds" => Self::Second,
            "millisecond" | "milliseconds" => Self::Millisecond,
            _ => return None,
        })
    }

    /// The step of a UCUM unit of definite length; UCUM's years and months are not the
    /// calendar's, so they have none.
    pub fn of_unit(unit: &str) -> Option<Self> {
        Some(match unit {
            "wk" => Self::Week,
            "d" => Self::Day,
            "h" => Self::Hour,
            "min" => Self::Minute,
            "s" => Self::Second,
            "ms" => Self::Millisecond,
            _ => return None,
        })
    }

    /// Its word in the singular.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
        }
    }

    /// Milliseconds, by 365 days in a year and 30 in a month.
    const fn milliseconds(self) -> i64 {
        match self {
            Self::Year => 365 * 86_400_000,
            Self::Month => 30 * 86_400_000,
            Self::Week => 7 * 86_400_000,
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
            Self::Minute => 60_000,
            Self::Second => 1000,
            Self::Millisecond => 1,
        }
    }
}

/// How far to move: only seconds may have a fraction, others are cut to whole ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    count: i64,
    step: Step,
}

/// Why a moment cannot be moved so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a moment outside the years 1 to 9999")]
pub struct ShiftRefusal;

impl Duration {
    /// A number of steps.
    pub fn new(count: Decimal, step: Step) -> Result<Self, ShiftRefusal> {
        let (count, step) = match step {
            Step::Second => (count.checked_mul(Decimal::ONE_THOUSAND), Step::Millisecond),
            step => (Some(count), step),
        };
        let count = count.and_then(|count| count.trunc().to_i64()).ok_or(ShiftRefusal)?;
        Ok(Self { count, step })
    }

    /// As far the other way.
    pub fn back(self) -> Result<Self, ShiftRefusal> {
        Ok(Self { count: self.count.checked_neg().ok_or(ShiftRefusal)?, step: self.step })
    }

    /// In whole steps of a coarser kind.
    fn whole(self, coarse: Step) -> Result<i64, ShiftRefusal> {
        if self.step == Step::Year && coarse == Step::Month {
            return self.count.checked_mul(12).ok_or(ShiftRefusal);
        }
        if self.step == Step::Month && coarse == Step::Year {
            return Ok(self.count / 12);
        }
        let milliseconds = self.count.checked_mul(self.step.milliseconds()).ok_or(ShiftRefusal)?;
        Ok(milliseconds / coarse.milliseconds())
    }
}

impl Date {
    /// The date that far away, as precise as this one.
    pub fn shifted(self, by: Duration) -> Result<Self, ShiftRefusal> {
        match (self.month, self.day) {
            (None, _) => self.by_months(by.whole(Step::Year)?.saturating_mul(12)),
            (_, None) => self.by_months(by.whole(Step::Month)?),
            _ if by.step <= Step::Month => self.by_months(by.whole(Step::Month)?),
            _ => self
                .days()
                .checked_add(by.whole(Step::Day)?)
                .and_then(Self::from_days)
                .ok_or(ShiftRefusal),
        }
    }

    fn by_months(self, months: i64) -> Result<Self, ShiftRefusal> {
        let from = i64::from(self.year) * 12 + i64::from(self.month.unwrap_or(1)) - 1;
        let to = from.checked_add(months).ok_or(ShiftRefusal)?;
        let year = u16::try_from(to.div_euclid(12)).ok().filter(|year| (1..=9999).contains(year));
        let year = year.ok_or(ShiftRefusal)?;
        let month = u8::try_from(to.rem_euclid(12) + 1).map_err(|_| ShiftRefusal)?;
        Ok(Self {
            year,
            month: self.month.map(|_| month),
            day: self.day.map(|day| day.min(days_of(year, month))),
        })
    }
}

impl DateTime {
    /// The moment that far away, as precise as this one, by the same clock.
    pub fn shifted(self, by: Duration) -> Result<Self, ShiftRefusal> {
        let Some(time) = self.time.filter(|_| by.step > Step::Month) else {
            return Ok(Self { date: self.date.shifted(by)?, ..self });
        };
        let far = by.count.checked_mul(by.step.milliseconds()).ok_or(ShiftRefusal)?;
        let from = self.date.days() * 86_400_000 + time.milliseconds();
        let to = from.checked_add(far).ok_or(ShiftRefusal)?;
        let date = Date::from_days(to.div_euclid(86_400_000)).ok_or(ShiftRefusal)?;
        Ok(Self { date, time: Some(time.moved_to(to)), offset: self.offset })
    }
}

impl Time {
    /// The time of day that far away, round the clock.
    pub fn shifted(self, by: Duration) -> Result<Self, ShiftRefusal> {
        let far = by.count.checked_mul(by.step.milliseconds()).ok_or(ShiftRefusal)?;
        let to = self.milliseconds().checked_add(far).ok_or(ShiftRefusal)?;
        Ok(self.moved_to(to))
    }
}
