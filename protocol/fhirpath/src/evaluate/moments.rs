//! The clock, and the parts of dates and times. It belongs to `evaluate`. There is no clock
//! here: the moment is the context's.

use rust_decimal::Decimal;

use super::EvaluationRefusal;
use super::call::Call;
use super::walk::Found;
use crate::item::{Item, Value};
use crate::syntax::Function;
use crate::value::{Date, DateTime, Time};

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    if matches!(call.function, Function::Now | Function::Today | Function::TimeOfDay) {
        let now = call.evaluator.context.now.ok_or(EvaluationRefusal::Unknown)?;
        let value = match call.function {
            Function::Now => Some(Value::DateTime(now)),
            Function::Today => Some(Value::Date(now.date)),
            _ => now.time.map(Value::Time),
        };
        return Ok(value.map(Item::Value).into_iter().collect());
    }
    let Some(item) = call.one()? else { return Ok(Vec::new()) };
    let (date, time, offset) = match item.value()? {
        Some(Value::Date(date)) => (Some(date), None, None),
        Some(Value::DateTime(DateTime { date, time, offset })) => (Some(date), time, offset),
        Some(Value::Time(time)) => (None, Some(time), None),
        _ => return Ok(Vec::new()),
    };
    Ok(part(call.function, date, time, offset).map(Item::Value).into_iter().collect())
}

fn part<'a>(
    function: Function,
    date: Option<Date>,
    time: Option<Time>,
    offset: Option<i16>,
) -> Option<Value<'a>> {
    let whole = |part: Option<u8>| part.map(|part| Value::Integer(part.into()));
    match function {
        Function::YearOf => date.map(|date| Value::Integer(date.year.into())),
        Function::MonthOf => whole(date?.month),
        Function::DayOf => whole(date?.day),
        Function::HourOf => time.map(|time| Value::Integer(time.hour.into())),
        Function::MinuteOf => whole(time?.minute),
        Function::SecondOf => whole(time?.second),
        Function::MillisecondOf => {
            let fraction = time?.fraction?;
            i32::try_from(fraction.nanoseconds / 1_000_000).ok().map(Value::Integer)
        }
        Function::TimezoneOffsetOf => {
            offset.map(|minutes| Value::Decimal(Decimal::from(minutes) / Decimal::from(60)))
        }
        Function::DateOf => date.map(Value::Date),
        _ => time.map(Value::Time),
    }
}
