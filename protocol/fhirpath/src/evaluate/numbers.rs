//! Functions of numbers. It belongs to `evaluate`. Roots, powers and logarithms that no
//! decimal holds are rounded to 14 significant digits; everything else is exact.

use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use rust_decimal::{Decimal, RoundingStrategy};

use super::call::Call;
use super::equality::number;
use super::walk::Found;
use super::{EvaluationRefusal, arithmetic, compare};
use crate::item::{Item, Quantity, Value};
use crate::syntax::{Function, Operator};

/// Digits of a number that a floating-point function made.
const SIGNIFICANT_DIGITS: u32 = 14;
/// Largest exponent that is multiplied out.
const EXPONENT_MAX: u32 = 128;

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    match call.function {
        Function::Sum | Function::Avg => return sum(call),
        Function::Min => return extreme(call, false),
        Function::Max => return extreme(call, true),
        _ => {}
    }
    let Some(item) = call.one()? else { return Ok(Vec::new()) };
    let value = item.value()?.ok_or(EvaluationRefusal::Type)?;
    if let Value::Quantity(own) = value {
        let made = of_decimal(call, own.value)?.and_then(|value| number(&value));
        let made = made.map(|value| Value::Quantity(Quantity { value, ..own }));
        return Ok(made.map(Item::Value).into_iter().collect());
    }
    let made = match (&value, call.function) {
        (Value::Integer(own), Function::Abs) => own.checked_abs().map(Value::Integer),
        _ => of_decimal(call, number(&value).ok_or(EvaluationRefusal::Type)?)?,
    };
    Ok(made.map(Item::Value).into_iter().collect())
}

fn of_decimal<'a>(
    call: &Call<'_, 'a>,
    own: Decimal,
) -> Result<Option<Value<'a>>, EvaluationRefusal> {
    let whole = |number: Decimal| number.to_i32().map(Value::Integer);
    Ok(match call.function {
        Function::Abs => Some(Value::Decimal(own.abs())),
        Function::Ceiling => whole(own.ceil()),
        Function::Floor => whole(own.floor()),
        Function::Truncate => whole(own.trunc()),
        Function::Round => round(call, own)?,
        Function::Exp => floating(own, f64::exp),
        Function::Ln => {
            if own > Decimal::ZERO {
                floating(own, f64::ln)
            } else {
                None
            }
        }
        Function::Sqrt => {
            if own < Decimal::ZERO {
                None
            } else {
                floating(own, f64::sqrt)
            }
        }
        Function::Log => match argument(call)?.and_then(|base| base.to_f64()) {
            Some(base) if own > Decimal::ZERO && base > 0.0 => floating(own, |own| own.log(base)),
            _ => None,
        },
        Function::Power => argument(call)?.and_then(|exponent| power(own, exponent)),
        _ => return Err(EvaluationRefusal::Unknown),
    })
}

fn argument(call: &Call<'_, '_>) -> Result<Option<Decimal>, EvaluationRefusal> {
    let found = call.argument(0)?;
    let Some(item) = super::single(&found)? else { return Ok(None) };
    let value = item.value()?.ok_or(EvaluationRefusal::Type)?;
    number(&value).map(Some).ok_or(EvaluationRefusal::Type)
}

fn round<'a>(call: &Call<'_, 'a>, own: Decimal) -> Result<Option<Value<'a>>, EvaluationRefusal> {
    let digits = if call.arguments.is_empty() { Some(0) } else { call.integer(0)? };
    let Some(digits) = digits else { return Ok(None) };
    let digits = u32::try_from(digits).map_err(|_| EvaluationRefusal::Number)?;
    let rounded = own.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    Ok(match (call.arguments.is_empty(), rounded.to_i32()) {
        (true, Some(whole)) => Some(Value::Integer(whole)),
        _ => Some(Value::Decimal(rounded)),
    })
}

fn power<'a>(own: Decimal, exponent: Decimal) -> Option<Value<'a>> {
    if exponent.fract().is_zero()
        && let Some(times) = exponent.abs().to_u32().filter(|times| *times <= EXPONENT_MAX)
    {
        let all = (0..times).try_fold(Decimal::ONE, |all, _| all.checked_mul(own))?;
        let made = if exponent.is_sign_negative() { Decimal::ONE.checked_div(all)? } else { all };
        let whole = if own.scale() == 0 && made.scale() == 0 { made.to_i32() } else { None };
        return Some(whole.map_or(Value::Decimal(made), Value::Integer));
    }
    let exponent = exponent.to_f64()?;
    if own < Decimal::ZERO { None } else { floating(own, |own| own.powf(exponent)) }
}

fn floating<'a>(own: Decimal, function: impl Fn(f64) -> f64) -> Option<Value<'a>> {
    let made = function(own.to_f64()?);
    if !made.is_finite() {
        return None;
    }
    Decimal::from_f64(made)?
        .round_sf(SIGNIFICANT_DIGITS)
        .map(|made| Value::Decimal(made.normalize()))
}

fn sum<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let Some((first, rest)) = call.input.split_first() else { return Ok(Vec::new()) };
    let mut total = vec![first.clone()];
    for item in rest {
        let next = arithmetic::operator(Operator::Add, &total, std::slice::from_ref(item))?;
        total = next;
    }
    if call.function == Function::Sum {
        return Ok(total);
    }
    let count = Item::from(super::collections::count(call.input.len())?);
    arithmetic::operator(Operator::Divide, &total, &[count])
}

fn extreme<'a>(call: &Call<'_, 'a>, largest: bool) -> Found<'a> {
    let mut best: Option<&Item<'a>> = None;
    for item in &call.input {
        let better = match best {
            None => true,
            Some(best) => match compare::items(item, best)? {
                Some(order) => {
                    if largest {
                        order.is_gt()
                    } else {
                        order.is_lt()
                    }
                }
                None => return Ok(Vec::new()),
            },
        };
        if better {
            best = Some(item);
        }
    }
    Ok(best.cloned().into_iter().collect())
}
