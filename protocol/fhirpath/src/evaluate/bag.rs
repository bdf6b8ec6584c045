//! Collections that are asked again and again whether they have an item. It belongs to
//! `evaluate`. Strings are found by their hash, so that a thousand of them are not a million
//! comparisons; everything else is compared one by one.

use std::borrow::Cow;
use std::collections::HashSet;

use super::walk::{Evaluator, Found};
use super::{EvaluationRefusal, equality};
use crate::item::{Item, Value};

/// A collection of items.
pub(super) struct Bag<'s, 'a> {
    evaluator: &'s Evaluator<'a>,
    texts: HashSet<Cow<'a, str>>,
    others: Vec<Item<'a>>,
}

impl<'s, 'a> Bag<'s, 'a> {
    /// An empty one.
    pub(super) fn new(evaluator: &'s Evaluator<'a>) -> Self {
        Self { evaluator, texts: HashSet::new(), others: Vec::new() }
    }

    /// One of these items.
    pub(super) fn of(
        evaluator: &'s Evaluator<'a>,
        items: Vec<Item<'a>>,
    ) -> Result<Self, EvaluationRefusal> {
        let mut bag = Self::new(evaluator);
        for item in items {
            bag.put(item)?;
        }
        Ok(bag)
    }

    /// Whether an item that is equal to this one is in it.
    pub(super) fn has(&self, item: &Item<'a>) -> Result<bool, EvaluationRefusal> {
        let plain = plain(item)?;
        if let Some(text) = item.text() {
            // Also of a date: one equals the string that says the same.
            self.evaluator.step(1 + text.len() / equality::TEXT_BYTES_STEP)?;
            if self.texts.contains(text) {
                return Ok(true);
            }
        }
        if plain.is_some() && self.others.is_empty() {
            return Ok(false);
        }
        has(self.evaluator, &self.others, item)
    }

    /// Puts an item into it, and says whether it is the first of its kind.
    pub(super) fn put(&mut self, item: Item<'a>) -> Result<bool, EvaluationRefusal> {
        if self.has(&item)? {
            return Ok(false);
        }
        match plain(&item)? {
            Some(text) => _ = self.texts.insert(text),
            None => self.others.push(item),
        }
        Ok(true)
    }
}

/// The text of an item that is a string and nothing else.
fn plain<'a>(item: &Item<'a>) -> Result<Option<Cow<'a, str>>, EvaluationRefusal> {
    if item.text().is_none() {
        return Ok(None);
    }
    Ok(match item.value()? {
        Some(Value::String(text)) => Some(text),
        _ => None,
    })
}

/// Whether a collection has an item that is equal to that one.
pub(super) fn has<'a>(
    evaluator: &Evaluator<'a>,
    all: &[Item<'a>],
    item: &Item<'a>,
) -> Result<bool, EvaluationRefusal> {
    evaluator.step(all.len())?;
    for own in all {
        if equality::items(own, item, &|steps| evaluator.step(steps))? == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The items without those that are equal to an earlier one.
pub(super) fn distinct<'a>(evaluator: &Evaluator<'a>, all: Vec<Item<'a>>) -> Found<'a> {
    let mut kept: Vec<Item<'a>> = Vec::with_capacity(all.len());
    let mut bag = Bag::new(evaluator);
    for item in all {
        if bag.put(item.clone())? {
            kept.push(item);
        }
    }
    Ok(kept)
}
