//! Regular expressions. It belongs to `texts`. They run in time linear in the text: look-around
//! and back references are refused.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};

use super::{Call, EvaluationRefusal, Found, bounded, made};
use crate::syntax::{Ast, Function, Literal};

/// Bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// Patterns that a thread keeps compiled.
const KEPT_MAX: usize = 16;
/// Steps that a compilation counts as: it takes up to some milliseconds.
const COMPILE_STEPS: usize = 20_000;

thread_local! {
    /// Patterns that stand in expressions, compiled; never what a record made.
    static KEPT: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn matches<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let Some(pattern) = call.text(0)? else { return Ok(Vec::new()) };
    let whole = call.function == Function::MatchesFull;
    let pattern = if whole { format!("^(?:{pattern})$") } else { pattern };
    let pattern = compiled(call, &pattern, 1)?;
    Ok(vec![pattern.is_match(text).into()])
}

pub(super) fn replace<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let (Some(pattern), Some(new)) = (call.text(0)?, call.text(1)?) else { return Ok(Vec::new()) };
    if pattern.is_empty() {
        return made(text.to_owned());
    }
    let pattern = compiled(call, &pattern, 2)?;
    // `$0` may stand there many times, and match all of the text.
    let each = if new.contains('$') { new.len().saturating_mul(text.len()) } else { new.len() };
    let often = pattern.find_iter(text).count();
    bounded(text.len().saturating_add(often.saturating_mul(each)))?;
    made(pattern.replace_all(text, new.as_str()).into_owned())
}

fn compiled(call: &Call<'_, '_>, pattern: &str, flags: usize) -> Result<Regex, EvaluationRefusal> {
    let own = call.text(flags)?.unwrap_or_default();
    let literal = |ast: &Ast| matches!(ast, Ast::Literal(Literal::String(_)));
    let keeps = [0, flags].iter().all(|at| call.arguments.get(*at).is_none_or(literal));
    let key = format!("{own}/{pattern}");
    if keeps {
        let kept = KEPT.with_borrow(|kept| {
            kept.iter().find(|(own, _)| *own == key).map(|(_, regex)| regex.clone())
        });
        if let Some(kept) = kept {
            return Ok(kept);
        }
    }
    call.evaluator.step(COMPILE_STEPS)?;
    let regex = RegexBuilder::new(pattern)
        .dot_matches_new_line(true)
        .case_insensitive(own.contains('i'))
        .multi_line(own.contains('m'))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| EvaluationRefusal::Pattern)?;
    if keeps {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.push((key, regex.clone()));
        });
    }
    Ok(regex)
}
