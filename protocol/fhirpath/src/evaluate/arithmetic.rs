//! `+ - * / div mod &` and signs. It belongs to `evaluate`. What overflows is empty, as the
//! specification says; what has other types is refused.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::equality::{number, quantity};
use super::walk::Found;
use super::{EvaluationRefusal, single};
use crate::item::{Item, Quantity, Value};
use crate::syntax::Operator;
use crate::units;
use crate::value::{Duration, Step};

/// Bytes of a text that an expression may make.
pub(super) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The integer that a collection is; `None` where it is empty.
pub(super) fn integer(items: &[Item<'_>]) -> Result<Option<i32>, EvaluationRefusal> {
    match single(items)?.map(Item::value).transpose()?.flatten() {
        None if items.is_empty() => Ok(None),
        Some(Value::Integer(number)) => Ok(Some(number)),
        _ => Err(EvaluationRefusal::Type),
    }
}

/// `+of` and `-of`
pub(super) fn sign<'a>(items: &[Item<'a>], minus: bool) -> Found<'a> {
    let Some(item) = single(items)? else { return Ok(Vec::new()) };
    let value = match item.value()? {
        Some(Value::Integer(number)) if minus => return Ok(whole(number.checked_neg())),
        Some(Value::Decimal(number)) if minus => Value::Decimal(-number),
        Some(Value::Quantity(own)) if minus => {
            Value::Quantity(Quantity { value: -own.value, ..own })
        }
        Some(value @ (Value::Integer(_) | Value::Decimal(_) | Value::Quantity(_))) => value,
        _ => return Err(EvaluationRefusal::Type),
    };
    Ok(vec![value.into()])
}

/// The operators of arithmetic.
pub(super) fn operator<'a>(operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Found<'a> {
    let (left, right) = (single(left)?, single(right)?);
    if operator == Operator::Concatenate {
        return concatenate(left, right);
    }
    let (Some(left), Some(right)) = (left, right) else { return Ok(Vec::new()) };
    let (Some(left), Some(right)) = (left.value()?, right.value()?) else {
        return Err(EvaluationRefusal::Type);
    };
    match (&left, &right) {
        (Value::Integer(left), Value::Integer(right)) => Ok(integers(operator, *left, *right)),
        (Value::String(left), Value::String(right)) if operator == Operator::Add => {
            joined(left, right)
        }
        (Value::Date(_) | Value::DateTime(_) | Value::Time(_), Value::Quantity(by)) => {
            moved(&left, by, operator)
        }
        (Value::Quantity(_), _) | (_, Value::Quantity(_)) => {
            let (left, right) = (quantity(&left), quantity(&right));
            let (left, right) = left.zip(right).ok_or(EvaluationRefusal::Type)?;
            quantities(operator, &left, &right)
        }
        _ => {
            let (left, right) = (number(&left), number(&right));
            let (left, right) = left.zip(right).ok_or(EvaluationRefusal::Type)?;
            Ok(decimals(operator, left, right))
        }
    }
}

fn whole<'a>(number: Option<i32>) -> Vec<Item<'a>> {
    number.map(Item::from).into_iter().collect()
}

fn integers<'a>(operator: Operator, left: i32, right: i32) -> Vec<Item<'a>> {
    whole(match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Times => left.checked_mul(right),
        Operator::Div => left.checked_div(right),
        Operator::Mod => left.checked_rem(right),
        _ => return decimals(operator, left.into(), right.into()),
    })
}

fn decimals<'a>(operator: Operator, left: Decimal, right: Decimal) -> Vec<Item<'a>> {
    let found = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Times => left.checked_mul(right),
        Operator::Divide => left.checked_div(right).map(|quotient| quotient.normalize()),
        Operator::Mod => left.checked_rem(right),
        _ => {
            let quotient = left.checked_div(right).map(|quotient| quotient.trunc());
            return whole(quotient.and_then(|quotient| quotient.to_i32()));
        }
    };
    found.map(Item::from).into_iter().collect()
}

fn concatenate<'a>(left: Option<&Item<'a>>, right: Option<&Item<'a>>) -> Found<'a> {
    let text = |item: Option<&Item<'a>>| match item {
        None => Ok(String::new()),
        Some(item) => match item.value()? {
            Some(Value::String(text)) => Ok(text.into_owned()),
            _ => Err(EvaluationRefusal::Type),
        },
    };
    joined(&text(left)?, &text(right)?)
}

fn joined<'a>(left: &str, right: &str) -> Found<'a> {
    if left.len() + right.len() > TEXT_BYTES_MAX {
        return Err(EvaluationRefusal::Size);
    }
    Ok(vec![Item::string(format!("{left}{right}"))])
}

fn moved<'a>(from: &Value<'_>, by: &Quantity<'_>, operator: Operator) -> Found<'a> {
    let step = Step::of_unit(&by.unit).or_else(|| Step::of_word(&by.unit));
    let refused = EvaluationRefusal::Shift;
    let by = Duration::new(by.value, step.ok_or(refused)?).map_err(|_| refused)?;
    let by = match operator {
        Operator::Add => by,
        Operator::Subtract => by.back().map_err(|_| refused)?,
        _ => return Err(EvaluationRefusal::Type),
    };
    // Out of the calendar's range is an overflow: empty.
    let moved = match from {
        Value::Date(date) => date.shifted(by).map(Value::Date),
        Value::DateTime(moment) => moment.shifted(by).map(Value::DateTime),
        Value::Time(time) => time.shifted(by).map(Value::Time),
        _ => return Err(EvaluationRefusal::Type),
    };
    Ok(moved.ok().map(Item::Value).into_iter().collect())
}

fn quantities<'a>(operator: Operator, left: &Quantity<'a>, right: &Quantity<'a>) -> Found<'a> {
    let found = match operator {
        Operator::Times => units::product(left, right, 1),
        Operator::Divide => units::product(left, right, -1),
        Operator::Add | Operator::Subtract => added(operator, left, right),
        _ => return Err(EvaluationRefusal::Type),
    };
    Ok(found.map(|quantity| Item::Value(Value::Quantity(quantity))).into_iter().collect())
}

/// The sum or difference, in the left one's unit.
fn added<'a>(
    operator: Operator,
    left: &Quantity<'a>,
    right: &Quantity<'a>,
) -> Option<Quantity<'a>> {
    let (a, b) = units::ratio(left, right)?;
    let more = right.value.checked_mul(b)?.checked_div(a)?;
    let value = match operator {
        Operator::Add => left.value.checked_add(more)?,
        _ => left.value.checked_sub(more)?,
    };
    Some(Quantity { value, ..left.clone() })
}
