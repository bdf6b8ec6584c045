//! Functions over collections: filters, projections, subsets, sets, sorting. It belongs to
//! `evaluate`.

use std::cmp::Ordering;

use super::bag::{self, Bag};
use super::call::Call;
use super::walk::{Found, ITEMS_MAX};
use super::{EvaluationRefusal, compare, navigate, single, types};
use crate::item::Item;
use crate::syntax::{Ast, Function};

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let input = &call.input;
    match call.function {
        Function::Empty => yes(input.is_empty()),
        Function::Exists => exists(call),
        Function::All => all(call),
        Function::AllTrue => every(call, true),
        Function::AnyTrue => any(call, true),
        Function::AllFalse => every(call, false),
        Function::AnyFalse => any(call, false),
        Function::SubsetOf => subset(call, input, &call.argument(0)?),
        Function::SupersetOf => subset(call, &call.argument(0)?, input),
        Function::Count => Ok(vec![count(input.len())?.into()]),
        Function::Distinct => bag::distinct(call.evaluator, input.clone()),
        Function::IsDistinct => {
            yes(bag::distinct(call.evaluator, input.clone())?.len() == input.len())
        }
        Function::Not => not(call),
        Function::Single => Ok(call.one()?.cloned().into_iter().collect()),
        Function::First => Ok(input.first().cloned().into_iter().collect()),
        Function::Last => Ok(input.last().cloned().into_iter().collect()),
        Function::Tail => Ok(input.iter().skip(1).cloned().collect()),
        Function::Skip => Ok(match at(call)? {
            Some(count) => input.iter().skip(count).cloned().collect(),
            None => Vec::new(),
        }),
        Function::Take => Ok(match at(call)? {
            Some(count) => input.iter().take(count).cloned().collect(),
            None => Vec::new(),
        }),
        Function::Intersect => intersect(call),
        Function::Exclude => exclude(call),
        Function::Union => {
            let both = [input.clone(), call.argument(0)?].concat();
            bag::distinct(call.evaluator, both)
        }
        Function::Combine => Ok([input.clone(), call.argument(0)?].concat()),
        Function::Type => Ok(types::named(input)),
        Function::Children => {
            let mut found = Vec::new();
            for item in input {
                navigate::children(item, &mut found);
            }
            Ok(found)
        }
        Function::Descendants => navigate::descendants(call.evaluator, input),
        _ => with_arguments(call),
    }
}

/// Functions whose arguments are evaluated item by item.
fn with_arguments<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    match call.function {
        Function::Where => {
            let mut kept = Vec::new();
            for (at, item) in call.input.iter().enumerate() {
                if call.holds(0, item, at)? {
                    kept.push(item.clone());
                }
            }
            Ok(kept)
        }
        Function::Select => select(call),
        Function::Repeat => repeat(call, true),
        Function::RepeatAll => repeat(call, false),
        Function::Iif => iif(call),
        Function::Coalesce => {
            for at in 0..call.arguments.len() {
                let found = call.argument(at)?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            Ok(Vec::new())
        }
        // What is traced would be somebody's record: it goes nowhere.
        Function::Trace => Ok(call.input.clone()),
        Function::Aggregate => aggregate(call),
        Function::Sort => sort(call),
        Function::DefineVariable => define(call),
        _ => Err(EvaluationRefusal::Unknown),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what every function here answers with")]
fn yes<'a>(truth: bool) -> Found<'a> {
    Ok(vec![truth.into()])
}

/// A count as an integer.
pub(super) fn count(count: usize) -> Result<i32, EvaluationRefusal> {
    i32::try_from(count).map_err(|_| EvaluationRefusal::Number)
}

/// The argument as a count; what is negative is none.
fn at(call: &Call<'_, '_>) -> Result<Option<usize>, EvaluationRefusal> {
    Ok(call.integer(0)?.map(|count| usize::try_from(count).unwrap_or(0)))
}

fn exists<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    if call.arguments.is_empty() {
        return yes(!call.input.is_empty());
    }
    for (at, item) in call.input.iter().enumerate() {
        if call.holds(0, item, at)? {
            return yes(true);
        }
    }
    yes(false)
}

fn all<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    for (at, item) in call.input.iter().enumerate() {
        if !call.holds(0, item, at)? {
            return yes(false);
        }
    }
    yes(true)
}

fn truths(call: &Call<'_, '_>) -> Result<Vec<bool>, EvaluationRefusal> {
    let truths = call.input.iter().map(|item| item.truth().ok_or(EvaluationRefusal::Type));
    truths.collect()
}

fn every<'a>(call: &Call<'_, 'a>, truth: bool) -> Found<'a> {
    yes(truths(call)?.into_iter().all(|own| own == truth))
}

fn any<'a>(call: &Call<'_, 'a>, truth: bool) -> Found<'a> {
    yes(truths(call)?.into_iter().any(|own| own == truth))
}

fn subset<'a>(call: &Call<'_, 'a>, inner: &[Item<'a>], outer: &[Item<'a>]) -> Found<'a> {
    let outer = Bag::of(call.evaluator, outer.to_vec())?;
    for item in inner {
        if !outer.has(item)? {
            return yes(false);
        }
    }
    yes(true)
}

fn not<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    match super::logic::truth(&call.input)? {
        Some(truth) => yes(!truth),
        None => Ok(Vec::new()),
    }
}

fn intersect<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let other = Bag::of(call.evaluator, call.argument(0)?)?;
    let mut kept = Vec::new();
    for item in &call.input {
        if other.has(item)? {
            kept.push(item.clone());
        }
    }
    bag::distinct(call.evaluator, kept)
}

fn exclude<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let other = Bag::of(call.evaluator, call.argument(0)?)?;
    let mut kept = Vec::new();
    for item in &call.input {
        if !other.has(item)? {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn select<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let mut found = Vec::new();
    for (at, item) in call.input.iter().enumerate() {
        found.extend(call.of_item(0, item, at)?);
        if found.len() > ITEMS_MAX {
            return Err(EvaluationRefusal::Size);
        }
    }
    Ok(found)
}

/// Projects again and again what the projection made; once each, unless all are wanted.
fn repeat<'a>(call: &Call<'_, 'a>, once: bool) -> Found<'a> {
    let mut found: Vec<Item<'a>> = Vec::new();
    let mut met = Bag::new(call.evaluator);
    let mut next = call.input.clone();
    while !next.is_empty() {
        let mut more = Vec::new();
        for (at, item) in next.iter().enumerate() {
            for made in call.of_item(0, item, at)? {
                if once && !met.put(made.clone())? {
                    continue;
                }
                found.push(made.clone());
                more.push(made);
                if found.len() > ITEMS_MAX {
                    return Err(EvaluationRefusal::Size);
                }
            }
        }
        next = more;
    }
    Ok(found)
}

fn iif<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    call.one()?;
    let names = call.evaluator.names();
    let scope = call.scope.this(&call.input);
    let criterion = call.evaluator.evaluate(&call.arguments[0], &scope)?;
    let truth = match single(&criterion)? {
        None => false,
        Some(item) => item.truth().ok_or(EvaluationRefusal::Type)?,
    };
    let found = match call.arguments.get(if truth { 1 } else { 2 }) {
        Some(chosen) => call.evaluator.evaluate(chosen, &scope),
        None => Ok(Vec::new()),
    };
    call.evaluator.forget(names);
    found
}

fn aggregate<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let mut total = call.argument(1)?;
    for (at, item) in call.input.iter().enumerate() {
        let mut scope = call.scope.item(std::slice::from_ref(item), at);
        scope.total = Some(&total);
        let next = call.evaluator.evaluate(&call.arguments[0], &scope)?;
        total = next;
    }
    Ok(total)
}

fn define<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let name = call.text(0)?.ok_or(EvaluationRefusal::Variable)?;
    let items = match call.arguments.get(1) {
        Some(ast) => call.evaluator.evaluate(ast, &call.scope.this(&call.input))?,
        None => call.input.clone(),
    };
    call.evaluator.define(&name, items)?;
    Ok(call.input.clone())
}

/// Sorts by keys, each ascending, or descending behind a minus; an empty key comes first
/// either way.
fn sort<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let mut keyed: Vec<(Vec<Option<Item<'a>>>, Item<'a>)> = Vec::new();
    for (at, item) in call.input.iter().enumerate() {
        let mut keys = Vec::new();
        if call.arguments.is_empty() {
            keys.push(Some(item.clone()));
        }
        for ast in call.arguments {
            let ast = if let Ast::Minus(inner) = ast { inner } else { ast };
            let this = std::slice::from_ref(item);
            let found = call.evaluator.evaluate(ast, &call.scope.item(this, at))?;
            keys.push(single(&found)?.cloned());
        }
        keyed.push((keys, item.clone()));
    }
    let sorted = merged(keyed, &|(left, _), (right, _)| in_order(call, left, right))?;
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

/// Whether keys may stand in this order.
fn in_order(
    call: &Call<'_, '_>,
    left: &[Option<Item<'_>>],
    right: &[Option<Item<'_>>],
) -> Result<bool, EvaluationRefusal> {
    call.evaluator.step(1)?;
    for (at, keys) in left.iter().zip(right).enumerate() {
        let (Some(left), Some(right)) = keys else {
            match keys.0.is_some().cmp(&keys.1.is_some()) {
                Ordering::Equal => continue,
                empty_first => return Ok(empty_first.is_lt()),
            }
        };
        let down = matches!(call.arguments.get(at), Some(Ast::Minus(_)));
        match compare::items(left, right)?.unwrap_or(Ordering::Equal) {
            Ordering::Equal => {}
            order => return Ok(order.is_lt() != down),
        }
    }
    Ok(true)
}

/// Sorts by merging: dates of different precision have no whole order, which the standard
/// library's sort may answer with a panic.
fn merged<T>(
    mut all: Vec<T>,
    in_order: &impl Fn(&T, &T) -> Result<bool, EvaluationRefusal>,
) -> Result<Vec<T>, EvaluationRefusal> {
    if all.len() < 2 {
        return Ok(all);
    }
    let right = all.split_off(all.len() / 2);
    let mut left = merged(all, in_order)?.into_iter().peekable();
    let mut right = merged(right, in_order)?.into_iter().peekable();
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let next = if in_order(first, second)? { left.next() } else { right.next() };
        sorted.extend(next);
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}
