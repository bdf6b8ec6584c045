//! Three-valued logic: true, false, and empty. It belongs to `evaluate`.

use super::walk::Found;
use super::{EvaluationRefusal, single};
use crate::item::Item;
use crate::syntax::Operator;

/// The truth of a collection; of one item that is no boolean, true: it is there.
pub(super) fn truth(items: &[Item<'_>]) -> Result<Option<bool>, EvaluationRefusal> {
    Ok(single(items)?.map(|item| item.truth().unwrap_or(true)))
}

/// What the left side alone decides, so that the right need not be evaluated.
pub(super) fn decided(
    operator: Operator,
    left: &[Item<'_>],
) -> Result<Option<bool>, EvaluationRefusal> {
    Ok(match operator {
        Operator::And if truth(left)? == Some(false) => Some(false),
        Operator::Or if truth(left)? == Some(true) => Some(true),
        Operator::Implies if truth(left)? == Some(false) => Some(true),
        _ => None,
    })
}

/// The four operators of logic.
pub(super) fn combine<'a>(operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Found<'a> {
    let (left, right) = (truth(left)?, truth(right)?);
    let answer = match operator {
        Operator::And => match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Operator::Or => match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Operator::Implies => match (left, right) {
            (Some(false), _) | (_, Some(true)) => Some(true),
            (Some(true), right) => right,
            _ => None,
        },
        _ => left.zip(right).map(|(left, right)| left != right),
    };
    Ok(answer.map(Item::from).into_iter().collect())
}
