//! Expressions at work. It belongs to the crate. Whatever an expression does, it does within
//! bounds: so many steps, so deep, so many items; and what refuses says no value.

mod arithmetic;
mod bag;
mod boundary;
mod call;
mod collections;
mod compare;
mod convert;
mod equality;
mod fhir;
mod logic;
mod moments;
mod navigate;
mod numbers;
mod texts;
mod types;
mod walk;

use std::cell::Cell;

use autoclave_fhir::json::Node;

pub(crate) use equality::same;

use crate::context::Context;
use crate::item::{Element, Item};
use crate::syntax::{Ast, ParseRefusal, parse};
use walk::{Evaluator, Scope, Start};

/// Why an expression has no result. It never says a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationRefusal {
    /// One item is needed where there are more.
    #[error("more than one item where one is meant")]
    Many,
    /// An operand or argument of another type than the operation takes.
    #[error("an operand of another type")]
    Type,
    /// A number beyond 28 digits.
    #[error("a number out of range")]
    Number,
    /// `%name` that nobody gave.
    #[error("a variable that is not defined")]
    Variable,
    /// A type that the definitions do not have.
    #[error("a type that is not known")]
    UnknownType,
    /// In strict evaluation, a name that does not exist where it stands.
    #[error("an element that does not exist there")]
    UnknownElement,
    /// A pattern that is no regular expression, or too large a one.
    #[error("not a regular expression")]
    Pattern,
    /// A unit that a date or time cannot be moved by, or a moment out of range.
    #[error("not a step of a calendar or clock")]
    Shift,
    /// What is asked needs a clock, a terminology, or profiles that nobody gave or that do not
    /// know the answer.
    #[error("nobody here knows the answer")]
    Unknown,
    /// More steps than an expression may take.
    #[error("too many steps")]
    Steps,
    /// An expression nested too deeply.
    #[error("nested too deeply")]
    Depth,
    /// More items than a collection may have, or a longer text.
    #[error("too large a result")]
    Size,
}

/// An expression, ready to be evaluated often.
#[derive(Clone, PartialEq, Eq)]
pub struct Expression {
    ast: Ast,
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ParseRefusal> {
        Ok(Self { ast: parse(text)? })
    }

    /// Its tree.
    pub const fn ast(&self) -> &Ast {
        &self.ast
    }

    /// The collection that it results in, evaluated on one item.
    pub fn evaluate<'a>(
        &'a self,
        on: impl Into<Item<'a>>,
        context: &'a Context<'a>,
    ) -> Result<Vec<Item<'a>>, EvaluationRefusal> {
        self.evaluate_within(on.into(), context, None, &Cell::new(walk::STEPS_MAX))
    }

    /// The same for a row of a view, within steps that several evaluations share.
    pub(crate) fn evaluate_within<'a>(
        &'a self,
        on: Item<'a>,
        context: &'a Context<'a>,
        row: Option<usize>,
        left: &Cell<u64>,
    ) -> Result<Vec<Item<'a>>, EvaluationRefusal> {
        let this = [on.clone()];
        let start = Start { context, on, row, most: left.get() };
        let evaluator = Evaluator::new(start);
        let found = evaluator.evaluate(&self.ast, &Scope::of(&this));
        left.set(left.get().saturating_sub(evaluator.steps()));
        found
    }

    /// Its truth as a criterion's or a rule's: empty is false, one item that is no boolean is
    /// true. HL7's own rules count on it (`telecom or endpoint`); but ref-1 does not, which is
    /// empty for a reference without address.
    pub fn evaluate_bool<'a>(
        &'a self,
        on: impl Into<Item<'a>>,
        context: &'a Context<'a>,
    ) -> Result<bool, EvaluationRefusal> {
        Ok(logic::truth(&self.evaluate(on, context)?)?.unwrap_or(false))
    }
}

impl From<Ast> for Expression {
    fn from(ast: Ast) -> Self {
        Self { ast }
    }
}

/// The truth of an expression of a resource, without anything beside it.
pub fn evaluate_bool(expression: &Expression, node: &Node<'_>) -> Result<bool, EvaluationRefusal> {
    let context = Context::default();
    expression.evaluate_bool(Item::from(node), &context)
}

/// The one item, if there is one; more are refused.
fn single<'s, 'a>(items: &'s [Item<'a>]) -> Result<Option<&'s Item<'a>>, EvaluationRefusal> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(EvaluationRefusal::Many),
    }
}

/// The elements among items.
fn elements<'s, 'a>(items: &'s [Item<'a>]) -> impl Iterator<Item = Element<'a>> + 's {
    items.iter().filter_map(Item::as_element)
}

#[cfg(test)]
#[path = "evaluate/tests.rs"]
mod tests;
