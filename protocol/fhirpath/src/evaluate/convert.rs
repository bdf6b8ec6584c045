//! `toInteger()` and its like. It belongs to `evaluate`. What does not convert is empty.

use std::borrow::Cow;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::EvaluationRefusal;
use super::call::Call;
use super::equality::{number, quantity};
use super::walk::Found;
use crate::item::{Quantity, Value};
use crate::syntax::Function;
use crate::units;
use crate::value::{Date, DateTime, Step, Time};

/// `to…()`
pub(super) fn convert<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let Some(item) = call.one()? else { return Ok(Vec::new()) };
    let Some(value) = item.value()? else { return Ok(Vec::new()) };
    let made = match call.function {
        Function::ToQuantity => in_unit(to_quantity(&value), call)?.map(Value::Quantity),
        Function::ToBoolean => to_boolean(&value).map(Value::Boolean),
        Function::ToInteger => to_integer(&value).map(Value::Integer),
        Function::ToDecimal => to_decimal(&value).map(Value::Decimal),
        Function::ToDate => to_date(&value).map(Value::Date),
        Function::ToDateTime => to_date_time(&value).map(Value::DateTime),
        Function::ToTime => to_time(&value).map(Value::Time),
        _ => Some(Value::String(Cow::Owned(value.text()))),
    };
    Ok(made.map(Into::into).into_iter().collect())
}

/// `convertsTo…()`
pub(super) fn converts<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let Some(item) = call.one()? else { return Ok(Vec::new()) };
    let Some(value) = item.value()? else { return Ok(vec![false.into()]) };
    let can = match call.function {
        Function::ConvertsToQuantity => in_unit(to_quantity(&value), call)?.is_some(),
        Function::ConvertsToBoolean => to_boolean(&value).is_some(),
        Function::ConvertsToInteger => to_integer(&value).is_some(),
        Function::ConvertsToDecimal => to_decimal(&value).is_some(),
        Function::ConvertsToDate => to_date(&value).is_some(),
        Function::ConvertsToDateTime => to_date_time(&value).is_some(),
        Function::ConvertsToTime => to_time(&value).is_some(),
        _ => true,
    };
    Ok(vec![can.into()])
}

fn to_boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        other => match number(other)? {
            one if one == Decimal::ONE => Some(true),
            zero if zero.is_zero() => Some(false),
            _ => None,
        },
    }
}

fn to_integer(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Boolean(truth) => Some(i32::from(*truth)),
        Value::String(text) => text.parse().ok(),
        Value::Decimal(number) if number.fract().is_zero() => number.to_i32(),
        _ => None,
    }
}

fn to_decimal(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Boolean(truth) => Some(Decimal::from(u8::from(*truth))),
        Value::String(text) => written_number(text),
        other => number(other),
    }
}

/// `(+|-)?[0-9]+(\.[0-9]+)?`
fn written_number(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if all(whole) && all(fraction) { Decimal::from_str_exact(text).ok() } else { None }
}

fn to_date(value: &Value<'_>) -> Option<Date> {
    match value {
        Value::Date(date) => Some(*date),
        Value::DateTime(moment) => Some(moment.date),
        Value::String(text) => DateTime::parse(text).map(|moment| moment.date),
        _ => None,
    }
}

fn to_date_time(value: &Value<'_>) -> Option<DateTime> {
    match value {
        Value::Date(date) => Some(DateTime::of(*date)),
        Value::DateTime(moment) => Some(*moment),
        Value::String(text) => DateTime::parse(text),
        _ => None,
    }
}

fn to_time(value: &Value<'_>) -> Option<Time> {
    match value {
        Value::Time(time) => Some(*time),
        Value::DateTime(moment) => moment.time,
        Value::String(text) => Time::parse(text),
        _ => None,
    }
}

fn to_quantity<'a>(value: &Value<'a>) -> Option<Quantity<'a>> {
    match value {
        Value::Boolean(truth) => {
            let value = Decimal::from(u8::from(*truth));
            Some(Quantity { value, unit: Cow::Borrowed("1"), calendar: false })
        }
        Value::String(text) => written_quantity(text),
        other => quantity(other),
    }
}

/// A number, and perhaps `'mg'` or `days`.
fn written_quantity<'a>(text: &str) -> Option<Quantity<'a>> {
    let (number, unit) = match text.split_once(char::is_whitespace) {
        Some((number, unit)) => (number, unit.trim()),
        None => (text, ""),
    };
    let value = written_number(number)?;
    let (unit, calendar) = if unit.is_empty() {
        ("1".to_owned(), false)
    } else if let Some(inner) = unit.strip_prefix('\'') {
        (inner.strip_suffix('\'').filter(|inner| !inner.is_empty())?.to_owned(), false)
    } else {
        (Step::of_word(unit)?.word().to_owned(), true)
    };
    Some(Quantity { value, unit: Cow::Owned(unit), calendar })
}

/// The quantity in the unit of the first argument, where there is one.
fn in_unit<'a>(
    quantity: Option<Quantity<'a>>,
    call: &Call<'_, 'a>,
) -> Result<Option<Quantity<'a>>, EvaluationRefusal> {
    let Some(quantity) = quantity else { return Ok(None) };
    if call.arguments.is_empty() {
        return Ok(Some(quantity));
    }
    let Some(unit) = call.text(0)? else { return Ok(None) };
    let calendar = Step::of_word(&unit).is_some();
    let one = Quantity { value: Decimal::ONE, unit: Cow::Owned(unit), calendar };
    Ok(units::aligned(&quantity, &one)
        .and_then(|(number, each)| number.checked_div(each))
        .map(|value| Quantity { value, ..one }))
}
