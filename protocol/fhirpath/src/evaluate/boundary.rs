//! The least and greatest value that a number, date or time may stand for. It belongs to
//! `evaluate`. Bounds of numbers are rounded away from the value, so that they hold.

use rust_decimal::{Decimal, RoundingStrategy};

use super::EvaluationRefusal;
use super::call::Call;
use super::equality::{number, quantity};
use super::walk::Found;
use crate::item::{Item, Quantity, Value};
use crate::syntax::Function;
use crate::units;
use crate::value::{Date, DateTime, Fraction, Time, days_of};

/// Digits after the point, where none are asked for.
const DECIMAL_DIGITS: i32 = 8;
/// Most digits after the point that may be asked for.
const DECIMAL_DIGITS_MAX: i32 = 28;
/// Minutes ahead of UTC of the clock that shows a time first, and of the one that is last.
const OFFSETS: [i16; 2] = [14 * 60, -12 * 60];

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let Some(item) = call.one()? else { return Ok(Vec::new()) };
    let value = item.value()?;
    let found = match call.function {
        Function::Comparable => return comparable(call, value.as_ref()),
        Function::Precision => value.as_ref().and_then(precision).map(Value::Integer),
        function => {
            let digits = if call.arguments.is_empty() { None } else { call.integer(0)? };
            let value = value.ok_or(EvaluationRefusal::Type)?;
            bound(value, digits, function == Function::HighBoundary)?
        }
    };
    Ok(found.map(Item::Value).into_iter().collect())
}

fn comparable<'a>(call: &Call<'_, 'a>, value: Option<&Value<'a>>) -> Found<'a> {
    let argument = call.argument(0)?;
    let other = super::single(&argument)?.map(Item::value).transpose()?.flatten();
    let (left, right) = (value.and_then(quantity), other.as_ref().and_then(quantity));
    let (left, right) = left.zip(right).ok_or(EvaluationRefusal::Type)?;
    Ok(vec![units::comparable(&left, &right).into()])
}

fn precision(value: &Value<'_>) -> Option<i32> {
    Some(match value {
        Value::Date(date) => date.precision().into(),
        Value::DateTime(moment) => moment.precision().into(),
        Value::Time(time) => time.precision().into(),
        other => i32::try_from(number(other)?.scale()).ok()?,
    })
}

fn bound(
    value: Value<'_>,
    digits: Option<i32>,
    high: bool,
) -> Result<Option<Value<'_>>, EvaluationRefusal> {
    Ok(match value {
        Value::Date(date) => date_bound(date, digits.unwrap_or(8), high).map(Value::Date),
        Value::DateTime(moment) => moment_bound(moment, digits.unwrap_or(17), high),
        Value::Time(time) => time_bound(time, digits.unwrap_or(9), high).map(Value::Time),
        Value::Quantity(own) => decimal_bound(own.value, digits, high)
            .map(|value| Value::Quantity(Quantity { value, ..own })),
        other => {
            let own = number(&other).ok_or(EvaluationRefusal::Type)?;
            decimal_bound(own, digits, high).map(Value::Decimal)
        }
    })
}

fn decimal_bound(own: Decimal, digits: Option<i32>, high: bool) -> Option<Decimal> {
    let digits = digits.unwrap_or(DECIMAL_DIGITS);
    if !(0..=DECIMAL_DIGITS_MAX).contains(&digits) {
        return None;
    }
    let digits = u32::try_from(digits).ok()?;
    let half = Decimal::try_from_i128_with_scale(5, own.scale() + 1).ok()?;
    let (exact, away) = if high {
        (own.checked_add(half)?, RoundingStrategy::ToPositiveInfinity)
    } else {
        (own.checked_sub(half)?, RoundingStrategy::ToNegativeInfinity)
    };
    let mut bound = exact.round_dp_with_strategy(digits, away);
    bound.rescale(digits);
    // Too many digits for the number to keep them: no bound rather than a wrong one.
    (bound.scale() == digits).then_some(bound)
}

fn date_bound(date: Date, digits: i32, high: bool) -> Option<Date> {
    let month = date.month.unwrap_or(if high { 12 } else { 1 });
    let last = if high { days_of(date.year, month) } else { 1 };
    match digits {
        4 => Some(Date { month: None, day: None, ..date }),
        6 => Some(Date { month: Some(month), day: None, ..date }),
        8 => Some(Date { month: Some(month), day: Some(date.day.unwrap_or(last)), ..date }),
        _ => None,
    }
}

fn time_bound(time: Time, digits: i32, high: bool) -> Option<Time> {
    let last = if high { 59 } else { 0 };
    let minute = Some(time.minute.unwrap_or(last));
    let second = Some(time.second.unwrap_or(last));
    let thousandths = if high && time.second.is_none() { 999_000_000 } else { 0 };
    let fraction = time.fraction.unwrap_or(Fraction { nanoseconds: thousandths, digits: 3 });
    let full = Time { hour: time.hour, minute, second, fraction: Some(fraction) };
    match digits {
        2 => Some(Time { minute: None, second: None, fraction: None, ..full }),
        4 => Some(Time { second: None, fraction: None, ..full }),
        6 => Some(Time { fraction: None, ..full }),
        9 => Some(full),
        _ => None,
    }
}

fn moment_bound<'a>(moment: DateTime, digits: i32, high: bool) -> Option<Value<'a>> {
    if digits <= 8 {
        let date = date_bound(moment.date, digits, high)?;
        return Some(Value::DateTime(DateTime::of(date)));
    }
    let date = date_bound(moment.date, 8, high)?;
    let hour = if high { 23 } else { 0 };
    let open = Time { hour, ..Time::MIDNIGHT };
    let time = time_bound(moment.time.unwrap_or(open), digits - 8, high)?;
    let offset = moment.offset.unwrap_or(OFFSETS[usize::from(high)]);
    Some(Value::DateTime(DateTime { date, time: Some(time), offset: Some(offset) }))
}
