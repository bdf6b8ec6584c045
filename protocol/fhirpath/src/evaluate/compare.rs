//! `<`, `<=`, `>`, `>=`, and the order that sorting needs. It belongs to `evaluate`.

use std::cmp::Ordering;

use super::equality::{moment, number, quantity};
use super::walk::Found;
use super::{EvaluationRefusal, single};
use crate::item::{Item, Value};
use crate::syntax::Operator;
use crate::units;

/// The four operators of order.
pub(super) fn operator<'a>(operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Found<'a> {
    let (Some(left), Some(right)) = (single(left)?, single(right)?) else { return Ok(Vec::new()) };
    let Some(order) = items(left, right)? else { return Ok(Vec::new()) };
    let answer = match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    };
    Ok(vec![answer.into()])
}

/// Which comes first; `None` where that cannot be said, refused where types do not compare.
pub(super) fn items(
    left: &Item<'_>,
    right: &Item<'_>,
) -> Result<Option<Ordering>, EvaluationRefusal> {
    let (Some(left), Some(right)) = (left.value()?, right.value()?) else {
        return Err(EvaluationRefusal::Type);
    };
    if let (Some(left), Some(right)) = (number(&left), number(&right)) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (moment(&left), moment(&right)) {
        return Ok(left.compare(right));
    }
    match (&left, &right) {
        (Value::String(left), Value::String(right)) => Ok(Some(left.cmp(right))),
        (Value::Time(left), Value::Time(right)) => Ok(left.compare(*right)),
        _ => match (quantity(&left), quantity(&right)) {
            (Some(left), Some(right)) => {
                Ok(units::aligned(&left, &right).map(|(left, right)| left.cmp(&right)))
            }
            _ => Err(EvaluationRefusal::Type),
        },
    }
}
