//! Regular expressions. It belongs to `texts`. They run in time linear in the text: look-around
//! and back references are refused.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};

use super::{Call, EvaluationRefusal, Found, bounded, made};
use crate::syntax::{Ast, Function, Literal};

/// Bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// Patterns that a thread keeps compiled.
const KEPT_MAX: usize = 64;

thread_local! {
    /// Patterns that stand in expressions, compiled; never what a record made.
    static KEPT: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn matches<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let Some(pattern) = call.text(0)? else { return Ok(Vec::new()) };
    let whole = call.function == Function::MatchesFull;
    let pattern = if whole { format!("^(?:{pattern})$") } else { pattern };
    let pattern = compiled(call, pattern, 1)?;
    Ok(vec![pattern.is_match(text).into()])
}

pub(super) fn replace<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let (Some(pattern), Some(new)) = (call.text(0)?, call.text(1)?) else { return Ok(Vec::new()) };
    if pattern.is_empty() {
        return made(text.to_owned());
    }
    let pattern = compiled(call, pattern, 2)?;
    // `$0` may stand there many times, and match all of the text.
    let each = if new.contains('$') { new.len().saturating_mul(text.len()) } else { new.len() };
    let often = pattern.find_iter(text).count();
    bounded(text.len().saturating_add(often.saturating_mul(each)))?;
    made(pattern.replace_all(text, new.as_str()).into_owned())
}

fn compiled(
    call: &Call<'_, '_>,
    pattern: String,
    flags: usize,
) -> Result<Regex, EvaluationRefusal> {
    let flags = call.text(flags)?.unwrap_or_default();
    let from_expression = matches!(call.arguments.first(), Some(Ast::Literal(Literal::String(_))));
    if from_expression && flags.is_empty() {
        let kept = KEPT.with_borrow(|kept| {
            kept.iter().find(|(own, _)| *own == pattern).map(|(_, regex)| regex.clone())
        });
        if let Some(kept) = kept {
            return Ok(kept);
        }
    }
    let regex = RegexBuilder::new(&pattern)
        .dot_matches_new_line(true)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| EvaluationRefusal::Pattern)?;
    if from_expression && flags.is_empty() {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.push((pattern, regex.clone()));
        });
    }
    Ok(regex)
}
