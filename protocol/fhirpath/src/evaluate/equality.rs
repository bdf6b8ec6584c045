//! Equality and equivalence. It belongs to `evaluate`. Equality may be unknown (dates of
//! different precision); equivalence never is.

use std::borrow::Cow;

use autoclave_fhir::json::Node;
use rust_decimal::Decimal;

use super::walk::{Evaluator, Found};
use super::{EvaluationRefusal, bag, single};
use crate::item::{Item, Quantity, Value, decimal};
use crate::units;
use crate::value::DateTime;

/// Counts the steps that a comparison takes.
type Count<'s> = &'s dyn Fn(usize) -> Result<(), EvaluationRefusal>;
/// Bytes of text that are compared in one step.
pub(super) const TEXT_BYTES_STEP: usize = 256;

/// An answer as a collection.
pub(super) fn answer<'a>(equal: Option<bool>, turned: bool) -> Vec<Item<'a>> {
    equal.map(|equal| (equal != turned).into()).into_iter().collect()
}

/// `left = right`
pub(super) fn equal<'a>(
    evaluator: &Evaluator<'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<Option<bool>, EvaluationRefusal> {
    if left.is_empty() || right.is_empty() {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Ok(Some(false));
    }
    let mut all = Some(true);
    for (left, right) in left.iter().zip(right) {
        evaluator.step(1)?;
        match items(left, right, &|steps| evaluator.step(steps))? {
            Some(false) => return Ok(Some(false)),
            None => all = None,
            Some(true) => {}
        }
    }
    Ok(all)
}

/// Whether two items are equal; `None` where that cannot be said.
pub(super) fn items(
    left: &Item<'_>,
    right: &Item<'_>,
    count: Count<'_>,
) -> Result<Option<bool>, EvaluationRefusal> {
    if let (Some(left), Some(right)) = (left.text(), right.text())
        && left.len() == right.len()
    {
        count(left.len() / TEXT_BYTES_STEP)?;
        if left == right {
            return Ok(Some(true));
        }
    }
    match (left.value()?, right.value()?) {
        (Some(left), Some(right)) => Ok(values(&left, &right)),
        (None, None) => match (left.node(), right.node()) {
            (Some(left), Some(right)) => Ok(Some(nodes(left, right, false, count)?)),
            (left, right) => Ok(Some(left.is_none() && right.is_none())),
        },
        _ => Ok(Some(false)),
    }
}

fn values(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Some(left == right);
    }
    if let (Some(left), Some(right)) = (moment(left), moment(right)) {
        return left.compare(right).map(std::cmp::Ordering::is_eq);
    }
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left == right),
        (Value::String(left), Value::String(right)) => Some(left == right),
        (Value::Time(left), Value::Time(right)) => {
            left.compare(*right).map(std::cmp::Ordering::is_eq)
        }
        (Value::Type { .. }, Value::Type { .. }) => Some(left == right),
        (Value::Quantity(_), _) | (_, Value::Quantity(_)) => {
            match (quantity(left), quantity(right)) {
                (Some(left), Some(right)) => units::aligned(&left, &right).map(|(a, b)| a == b),
                _ => Some(false),
            }
        }
        _ => Some(false),
    }
}

/// An integer or decimal.
pub(super) fn number(value: &Value<'_>) -> Option<Decimal> {
    match value {
        Value::Integer(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        _ => None,
    }
}

/// A date or a date with its time.
pub(super) fn moment(value: &Value<'_>) -> Option<DateTime> {
    match value {
        Value::Date(date) => Some(DateTime::of(*date)),
        Value::DateTime(moment) => Some(*moment),
        _ => None,
    }
}

/// A quantity, or a number as one.
pub(super) fn quantity<'a>(value: &Value<'a>) -> Option<Quantity<'a>> {
    match value {
        Value::Quantity(quantity) => Some(quantity.clone()),
        other => {
            number(other).map(|value| Quantity { value, unit: Cow::Borrowed("1"), calendar: false })
        }
    }
}

/// Whether two trees are equal, members in any order, numbers by what they count.
pub(crate) fn same(left: &Node<'_>, right: &Node<'_>) -> bool {
    nodes(left, right, false, &|_| Ok(())).unwrap_or_else(|_| left == right)
}

/// Whether two trees are equal, members in any order; loosely, also items of arrays, without
/// `id`, and texts as equivalence compares them.
fn nodes(
    left: &Node<'_>,
    right: &Node<'_>,
    loosely: bool,
    count: Count<'_>,
) -> Result<bool, EvaluationRefusal> {
    count(1)?;
    if std::ptr::eq(left, right) {
        return Ok(true);
    }
    Ok(match (left, right) {
        (Node::Number(left), Node::Number(right)) => {
            left == right || decimal(left)? == decimal(right)?
        }
        (Node::Text(left), Node::Text(right)) => {
            left == right || (loosely && folded(left) == folded(right))
        }
        (Node::List(left), Node::List(right)) if loosely => {
            unordered(left, right, |left, right| nodes(left, right, true, count))?
        }
        (Node::List(left), Node::List(right)) => {
            left.len() == right.len() && pairs(left.iter().zip(right), loosely, count)?
        }
        (Node::Object(left), Node::Object(right)) => {
            let named = |members: &[(Cow<'_, str>, Node<'_>)]| {
                members.iter().filter(|(name, _)| !loosely || name != "id").count()
            };
            let both = left.iter().filter(|(name, _)| !loosely || name != "id").filter_map(
                |(name, value)| {
                    let (_, other) = right.iter().find(|(own, _)| own == name)?;
                    Some((value, other))
                },
            );
            let both: Vec<_> = both.collect();
            both.len() == named(left)
                && both.len() == named(right)
                && pairs(both.into_iter(), loosely, count)?
        }
        _ => left == right,
    })
}

fn pairs<'s, 'a: 's>(
    mut all: impl Iterator<Item = (&'s Node<'a>, &'s Node<'a>)>,
    loosely: bool,
    count: Count<'_>,
) -> Result<bool, EvaluationRefusal> {
    all.try_fold(true, |equal, (left, right)| Ok(equal && nodes(left, right, loosely, count)?))
}

/// Whether each of the left finds one of the right, no one twice.
fn unordered<T>(
    left: &[T],
    right: &[T],
    same: impl Fn(&T, &T) -> Result<bool, EvaluationRefusal>,
) -> Result<bool, EvaluationRefusal> {
    if left.len() != right.len() {
        return Ok(false);
    }
    let mut free: Vec<&T> = right.iter().collect();
    for one in left {
        let mut found = None;
        for (at, other) in free.iter().enumerate() {
            if same(one, other)? {
                found = Some(at);
                break;
            }
        }
        match found {
            Some(at) => free.swap_remove(at),
            None => return Ok(false),
        };
    }
    Ok(true)
}

/// `left ~ right`
pub(super) fn equivalent<'a>(
    evaluator: &Evaluator<'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<bool, EvaluationRefusal> {
    evaluator.step(left.len().saturating_mul(right.len()))?;
    unordered(left, right, |left, right| alike(left, right, &|steps| evaluator.step(steps)))
}

fn alike(left: &Item<'_>, right: &Item<'_>, count: Count<'_>) -> Result<bool, EvaluationRefusal> {
    let (left, right) = match (left.value()?, right.value()?) {
        (Some(left), Some(right)) => (left, right),
        (None, None) => {
            return match (left.node(), right.node()) {
                (Some(left), Some(right)) => nodes(left, right, true, count),
                (left, right) => Ok(left.is_none() && right.is_none()),
            };
        }
        _ => return Ok(false),
    };
    if let (Some(left), Some(right)) = (number(&left), number(&right)) {
        return Ok(roughly(left, right));
    }
    Ok(match (&left, &right) {
        (Value::String(left), Value::String(right)) => folded(left) == folded(right),
        (Value::Quantity(_), _) | (_, Value::Quantity(_)) => {
            match (quantity(&left), quantity(&right)) {
                (Some(left), Some(right)) => loose_quantities(&left, &right),
                _ => false,
            }
        }
        _ => values(&left, &right).unwrap_or(false),
    })
}

fn loose_quantities(left: &Quantity<'_>, right: &Quantity<'_>) -> bool {
    // For equivalence a calendar's year is UCUM's, and so is its month.
    units::roughly(&ucum(left), &ucum(right)).is_some_and(|(left, right)| roughly(left, right))
}

fn ucum<'a>(quantity: &Quantity<'a>) -> Quantity<'a> {
    let unit = match (quantity.calendar, quantity.unit.as_ref()) {
        (true, "year") => "a",
        (true, "month") => "mo",
        _ => return quantity.clone(),
    };
    Quantity { value: quantity.value, unit: Cow::Borrowed(unit), calendar: false }
}

/// Equal when rounded to the digits of the less precise.
fn roughly(left: Decimal, right: Decimal) -> bool {
    let (left, right) = (left.normalize(), right.normalize());
    let digits = left.scale().min(right.scale());
    left.round_dp(digits) == right.round_dp(digits)
}

/// A text as equivalence sees it: lower case, any run of spaces one.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// `item in all`
pub(super) fn is_in<'a>(
    evaluator: &Evaluator<'a>,
    item: &[Item<'a>],
    all: &[Item<'a>],
) -> Found<'a> {
    match single(item)? {
        None => Ok(Vec::new()),
        Some(item) => Ok(vec![bag::has(evaluator, all, item)?.into()]),
    }
}
