//! Functions: what each is called on, how its arguments are evaluated, and where it is made.
//! It belongs to `evaluate`.

use super::walk::{Evaluator, Found, Scope};
use super::{
    EvaluationRefusal, arithmetic, boundary, collections, convert, fhir, logic, moments, numbers,
    single, texts,
};
use crate::item::Item;
use crate::syntax::{Ast, Function};

/// A function with what it is called on.
pub(super) struct Call<'s, 'a> {
    pub(super) evaluator: &'s Evaluator<'a>,
    pub(super) function: Function,
    pub(super) input: Vec<Item<'a>>,
    pub(super) arguments: &'a [Ast],
    pub(super) scope: &'s Scope<'s, 'a>,
}

impl<'a> Call<'_, 'a> {
    /// An argument that is a value: it sees what is around the call.
    pub(super) fn argument(&self, at: usize) -> Found<'a> {
        match self.arguments.get(at) {
            Some(ast) => {
                let names = self.evaluator.names();
                let found = self.evaluator.evaluate(ast, self.scope);
                self.evaluator.forget(names);
                found
            }
            None => Ok(Vec::new()),
        }
    }

    /// An argument that is a string; `None` where it is empty.
    pub(super) fn text(&self, at: usize) -> Result<Option<String>, EvaluationRefusal> {
        let found = self.argument(at)?;
        match single(&found)? {
            None => Ok(None),
            Some(item) => {
                item.text().map(|text| Some(text.to_owned())).ok_or(EvaluationRefusal::Type)
            }
        }
    }

    /// An argument that is an integer; `None` where it is empty.
    pub(super) fn integer(&self, at: usize) -> Result<Option<i32>, EvaluationRefusal> {
        arithmetic::integer(&self.argument(at)?)
    }

    /// An argument that is evaluated for one item of the input.
    pub(super) fn of_item(&self, at: usize, item: &Item<'a>, index: usize) -> Found<'a> {
        let Some(ast) = self.arguments.get(at) else { return Ok(Vec::new()) };
        let names = self.evaluator.names();
        let this = std::slice::from_ref(item);
        let found = self.evaluator.evaluate(ast, &self.scope.item(this, index));
        self.evaluator.forget(names);
        found
    }

    /// The same, as a criterion: its truth, empty counting as false.
    pub(super) fn holds(
        &self,
        at: usize,
        item: &Item<'a>,
        index: usize,
    ) -> Result<bool, EvaluationRefusal> {
        Ok(logic::truth(&self.of_item(at, item, index)?)?.unwrap_or(false))
    }

    /// The one item of the input; `None` where it is empty.
    pub(super) fn one(&self) -> Result<Option<&Item<'a>>, EvaluationRefusal> {
        single(&self.input)
    }

    /// What the function results in.
    pub(super) fn answer(&self) -> Found<'a> {
        use Function as F;

        match self.function {
            F::ToBoolean
            | F::ToInteger
            | F::ToDate
            | F::ToDateTime
            | F::ToTime
            | F::ToDecimal
            | F::ToQuantity
            | F::ToString => convert::convert(self),
            F::ConvertsToBoolean
            | F::ConvertsToInteger
            | F::ConvertsToDate
            | F::ConvertsToDateTime
            | F::ConvertsToTime
            | F::ConvertsToDecimal
            | F::ConvertsToQuantity
            | F::ConvertsToString => convert::converts(self),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape
            | F::Trim
            | F::Split
            | F::Join => texts::answer(self),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::Sum
            | F::Min
            | F::Max
            | F::Avg => numbers::answer(self),
            _ => self.other_answer(),
        }
    }

    fn other_answer(&self) -> Found<'a> {
        use Function as F;

        match self.function {
            F::LowBoundary | F::HighBoundary | F::Precision | F::Comparable => {
                boundary::answer(self)
            }
            F::Now
            | F::TimeOfDay
            | F::Today
            | F::YearOf
            | F::MonthOf
            | F::DayOf
            | F::HourOf
            | F::MinuteOf
            | F::SecondOf
            | F::MillisecondOf
            | F::TimezoneOffsetOf
            | F::DateOf
            | F::TimeOf => moments::answer(self),
            F::Extension
            | F::HasValue
            | F::GetValue
            | F::Resolve
            | F::ElementDefinition
            | F::Slice
            | F::CheckModifiers
            | F::ConformsTo
            | F::MemberOf
            | F::Subsumes
            | F::SubsumedBy
            | F::HtmlChecks
            | F::GetResourceKey
            | F::GetReferenceKey => fhir::answer(self),
            _ => collections::answer(self),
        }
    }
}
