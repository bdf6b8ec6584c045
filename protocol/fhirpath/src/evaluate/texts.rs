//! Functions of strings. It belongs to `evaluate`. Places and lengths count characters; what
//! a function makes is bounded before it is made.

mod codes;
mod patterns;

use super::arithmetic::TEXT_BYTES_MAX;
use super::call::Call;
use super::collections::count;
use super::equality::TEXT_BYTES_STEP;
use super::walk::Found;
use super::{EvaluationRefusal, single};
use crate::item::Item;
use crate::syntax::Function;

/// What a function of this file results in.
pub(super) fn answer<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    if call.function == Function::Join {
        return join(call);
    }
    let Some(item) = single(&call.input)? else { return Ok(Vec::new()) };
    let text = item.text().ok_or(EvaluationRefusal::Type)?;
    call.evaluator.step(text.len() / TEXT_BYTES_STEP)?;
    match call.function {
        Function::Upper => made(text.to_uppercase()),
        Function::Lower => made(text.to_lowercase()),
        Function::Trim => made(text.trim().to_owned()),
        Function::Length => Ok(vec![count(text.chars().count())?.into()]),
        Function::ToChars => {
            call.evaluator.step(text.len())?;
            Ok(text.chars().map(|one| Item::string(one.to_string())).collect())
        }
        Function::Substring => substring(call, text),
        Function::Matches | Function::MatchesFull => patterns::matches(call, text),
        Function::ReplaceMatches => patterns::replace(call, text),
        _ => with_text(call, text),
    }
}

/// Functions whose first argument is a string; where that is empty, so is the result.
fn with_text<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let Some(other) = call.text(0)? else { return Ok(Vec::new()) };
    let place = |at: Option<usize>| match at {
        Some(at) => count(text[..at].chars().count()),
        None => Ok(-1),
    };
    match call.function {
        Function::IndexOf => Ok(vec![place(text.find(&other))?.into()]),
        Function::LastIndexOf => Ok(vec![place(text.rfind(&other))?.into()]),
        Function::StartsWith => Ok(vec![text.starts_with(&other).into()]),
        Function::EndsWith => Ok(vec![text.ends_with(&other).into()]),
        Function::Contains => Ok(vec![text.contains(&other).into()]),
        Function::Split => {
            call.evaluator.step(text.len())?;
            Ok(text.split(&other).map(|part| Item::string(part.to_owned())).collect())
        }
        Function::Replace => {
            let Some(new) = call.text(1)? else { return Ok(Vec::new()) };
            let often = text.matches(&other).count();
            bounded(text.len().saturating_add(often.saturating_mul(new.len())))?;
            made(text.replace(&other, &new))
        }
        Function::Encode => codes::encode(text, &other).map_or(Ok(Vec::new()), made),
        Function::Decode => codes::decode(text, &other).map_or(Ok(Vec::new()), made),
        Function::Escape => codes::escape(text, &other).map_or(Ok(Vec::new()), made),
        Function::Unescape => codes::unescape(text, &other).map_or(Ok(Vec::new()), made),
        _ => Err(EvaluationRefusal::Unknown),
    }
}

fn bounded(bytes: usize) -> Result<(), EvaluationRefusal> {
    if bytes > TEXT_BYTES_MAX { Err(EvaluationRefusal::Size) } else { Ok(()) }
}

fn made<'a>(text: String) -> Found<'a> {
    bounded(text.len())?;
    Ok(vec![Item::string(text)])
}

fn join<'a>(call: &Call<'_, 'a>) -> Found<'a> {
    let separator = call.text(0)?.unwrap_or_default();
    let mut out = String::new();
    let mut first = true;
    for item in &call.input {
        let Some(value) = item.value()? else { continue };
        if !first {
            out.push_str(&separator);
        }
        first = false;
        out.push_str(&value.text());
        bounded(out.len())?;
    }
    // Of nothing, an empty text: so say the cases of SQL on FHIR.
    made(out)
}

fn substring<'a>(call: &Call<'_, 'a>, text: &str) -> Found<'a> {
    let Some(start) = call.integer(0)? else { return Ok(Vec::new()) };
    let length = match call.arguments.len() {
        1 => None,
        _ => call.integer(1)?.map(|length| usize::try_from(length).unwrap_or(0)),
    };
    let Ok(start) = usize::try_from(start) else { return Ok(Vec::new()) };
    let Some((from, _)) = text.char_indices().nth(start) else { return Ok(Vec::new()) };
    let rest = &text[from..];
    let end = length.and_then(|length| rest.char_indices().nth(length));
    made(rest[..end.map_or(rest.len(), |(end, _)| end)].to_owned())
}
